package bgp

import (
	"net/netip"
	"time"
)

// Source is the neighbour that a path was learnt from, as its session knows it.
type Source struct {
	Address  netip.Addr
	AS       uint32
	RouterID netip.Addr // BGP identifier
	Internal bool       // same autonomous system
	Client   bool       // of route reflection
}

// Path is one way to a prefix, as a neighbour told it.
type Path struct {
	Prefix     netip.Prefix // IPv4, without host bits
	Source     *Source      // shared by all paths of a session
	Attributes *Attributes  // after the import policy
	Since      time.Time    // it is as it is
	Stale      bool         // its session or its process is gone; it is kept for a while
}
