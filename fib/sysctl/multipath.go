package sysctl

import (
	"errors"
	"fmt"
	"io/fs"
)

// Hash says which fields of a packet choose its next hop.
type Hash string

// The two kinds of hash.
const (
	HashL3 Hash = "l3" // addresses
	HashL4 Hash = "l4" // addresses, protocol and ports
)

const (
	hashPolicy = "net.ipv4.fib_multipath_hash_policy"
	hashFields = "net.ipv4.fib_multipath_hash_fields"
	// fiveTuple is source, destination, protocol, source port, destination port.
	fiveTuple = "55" // 0x37
)

// SetMultipathHash makes the kernel hash as asked. note is empty unless something
// is worth a line in the log: before Linux 5.14 the L4 hash is policy 1, which may
// reuse a hash that the packet already carries, so that it is not the same in both
// directions. Policy 3 with the five fields always reads the packet.
func (s *Settings) SetMultipathHash(h Hash) (note string, err error) {
	switch h {
	case HashL3:
		_, err = s.Set(hashPolicy, "0")
		return "", err
	case HashL4:
		_, err = s.Set(hashFields, fiveTuple)
		if errors.Is(err, fs.ErrNotExist) {
			_, err = s.Set(hashPolicy, "1")
			return "this kernel (before Linux 5.14) has no fib_multipath_hash_fields: multipath hash policy 1 is used, " +
				"which may send the two directions of one flow over different hops", err
		}
		if err != nil {
			return "", err
		}
		_, err = s.Set(hashPolicy, "3")
		return "", err
	}
	return "", fmt.Errorf("unknown multipath hash %q; use %s or %s", h, HashL3, HashL4)
}
