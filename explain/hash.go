// Package explain says why a packet goes where it goes, as far as that follows
// from values: what a multipath hash looks at (hash.go), whether both directions
// of a flow meet the same hub by what the link-state database says (hub.go), and
// how flows spread over members (share.go). Asking the kernel is the caller's.
package explain

import (
	"fmt"
	"strings"
)

// Hash is how the kernel chooses a member of a group.
type Hash struct {
	Policy int    // fib_multipath_hash_policy
	Fields uint32 // fib_multipath_hash_fields, of policy 3
}

// fieldNames are the bits of fib_multipath_hash_fields.
var fieldNames = []string{
	"source", "destination", "protocol", "flow label", "source port", "destination port",
	"inner source", "inner destination", "inner protocol", "inner flow label", "inner source port", "inner destination port",
}

// String names what is hashed.
func (h Hash) String() string {
	switch h.Policy {
	case 0:
		return "source, destination"
	case 1:
		return "source, destination, protocol, source port, destination port, or a hash that the packet carries"
	case 2:
		return "source, destination; of a packet inside the packet where there is one"
	case 3:
		var names []string
		for i, n := range fieldNames {
			if h.Fields&(1<<i) != 0 {
				names = append(names, n)
			}
		}
		if len(names) == 0 {
			return "nothing"
		}
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("what policy %d says", h.Policy)
}

// Protocols that the kernel can be asked about.
const (
	icmp = 1
	tcp  = 6
	udp  = 17
)

// Unpredictable says why the kernel's answer about a flow of this IP protocol
// need not be the member that its packets take; empty: it is.
func (h Hash) Unpredictable(protocol uint8) string {
	inner := h.Policy == 2 || h.Policy == 3 && h.Fields>>6 != 0
	asked := protocol == icmp || protocol == tcp || protocol == udp
	switch {
	case h.Policy == 1:
		return "under hash policy 1 a packet's own hash decides, which another machine or a network card may have given it"
	case h.Policy > 3:
		return fmt.Sprintf("hash policy %d is not known here", h.Policy)
	case inner && !asked:
		return "the hash looks into packets inside this one"
	case h.Policy == 3 && !asked:
		return fmt.Sprintf("the hash looks at the IP protocol, and the kernel cannot be asked about protocol %d", protocol)
	}
	return ""
}
