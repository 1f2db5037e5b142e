package bgp

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// Origin is where a route came from in its origin's words (RFC 4271 4.3); the lower one is preferred.
type Origin uint8

// Origins.
const (
	IGP Origin = iota
	EGP
	Incomplete
)

// String returns IGP, EGP or incomplete; the configuration and tables use these words.
func (o Origin) String() string {
	switch o {
	case IGP:
		return "igp"
	case EGP:
		return "egp"
	}
	return "incomplete"
}

// Attributes are what is said of a path. Many paths share one; a pointer to Attributes is never
// written through once others have it.
type Attributes struct {
	Origin       Origin
	NextHop      netip.Addr // the zero Addr in an announcement: the own address of each session
	ASPath       ASPath
	MED          uint32
	LocalPref    uint32
	HasMED       bool
	HasLocalPref bool
	Communities  []Community
	Large        []LargeCommunity
	// LinkBandwidth is in bytes a second, of the link-bandwidth extended community
	// (draft-ietf-idr-link-bandwidth); 0: none.
	LinkBandwidth float32
	// OriginatorID and ClusterList are of route reflection (RFC 4456 8); zero: not reflected.
	OriginatorID netip.Addr
	ClusterList  []netip.Addr
	// Aggregated tells that paths of more specific prefixes were left out (ATOMIC_AGGREGATE).
	Aggregated bool
}

// Preference is the local preference that counts: 100 when nothing is said.
func (a *Attributes) Preference() uint32 {
	if a.HasLocalPref {
		return a.LocalPref
	}
	return 100
}

// Equal tells whether two say the same.
func (a *Attributes) Equal(b *Attributes) bool {
	return a == b || a.Origin == b.Origin && a.NextHop == b.NextHop && a.ASPath.Equal(b.ASPath) &&
		a.MED == b.MED && a.HasMED == b.HasMED && a.LocalPref == b.LocalPref && a.HasLocalPref == b.HasLocalPref &&
		slices.Equal(a.Communities, b.Communities) && slices.Equal(a.Large, b.Large) &&
		a.LinkBandwidth == b.LinkBandwidth && a.OriginatorID == b.OriginatorID &&
		slices.Equal(a.ClusterList, b.ClusterList) && a.Aggregated == b.Aggregated
}

// String writes what the gobgp tool writes in its column Attrs.
func (a *Attributes) String() string {
	parts := []string{"{Origin: " + string("ie?"[min(a.Origin, Incomplete)]) + "}"}
	add := func(format string, v any) { parts = append(parts, fmt.Sprintf(format, v)) }
	if a.HasMED {
		add("{Med: %d}", a.MED)
	}
	if a.HasLocalPref {
		add("{LocalPref: %d}", a.LocalPref)
	}
	if a.Aggregated {
		parts = append(parts, "AtomicAggregate")
	}
	if len(a.Communities) > 0 {
		add("{Communities: %s}", joined(a.Communities))
	}
	if a.OriginatorID.IsValid() {
		add("{Originator: %s}", a.OriginatorID)
	}
	if len(a.ClusterList) > 0 {
		add("{ClusterList: %s}", joined(a.ClusterList))
	}
	if a.LinkBandwidth > 0 {
		add("{LinkBandwidth: %.0f}", a.LinkBandwidth)
	}
	if len(a.Large) > 0 {
		add("{LargeCommunity: %s}", joined(a.Large))
	}
	return "[" + strings.Join(parts, " ") + "]"
}

// Changed returns a list of communities without some and with others, each once; the list itself stays as it is.
func Changed[T comparable](list, remove, add []T) []T {
	if len(remove)+len(add) == 0 {
		return list
	}
	var out []T
	for _, v := range slices.Concat(list, add) {
		if !slices.Contains(out, v) && (!slices.Contains(remove, v) || slices.Contains(add, v)) {
			out = append(out, v)
		}
	}
	return out
}

func joined[T fmt.Stringer](list []T) string {
	words := make([]string, len(list))
	for i, v := range list {
		words[i] = v.String()
	}
	return strings.Join(words, ", ")
}
