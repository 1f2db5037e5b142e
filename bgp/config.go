package bgp

import (
	"net/netip"
	"time"
)

// Config is all that the BGP part has to know. The zero Config is no BGP at all.
type Config struct {
	AS        uint32     // own autonomous system, 1..4294967294
	RouterID  netip.Addr // BGP identifier, not 0.0.0.0
	ClusterID netip.Addr // of the route reflector (RFC 4456 7); the router id unless configured
	Port      uint16     // TCP port to listen on; 0: only own connections
	Listen    []netip.Addr
	Neighbors []Neighbor // no two with the same address
	Dynamic   []Dynamic  // no two with the same prefix
	// StaleTime is how long learnt routes outlive the process that brought them.
	StaleTime time.Duration
	Distance  Distance
	Multipath Multipath
	// ResolveViaDefault lets a default route lead to next hops.
	ResolveViaDefault bool
}

// Enabled tells whether there is BGP.
func (c *Config) Enabled() bool { return c.AS != 0 }

// Distance is the administrative distance of learnt routes, 1..255; 255 is never installed.
type Distance struct {
	EBGP uint8 // from another autonomous system, 20 unless configured
	IBGP uint8 // from the own one, 200 unless configured
}

// Multipath says how many equal paths a route has at most; 1 is the best path only.
type Multipath struct {
	EBGP       int
	IBGP       int
	MultipleAS bool // paths through different autonomous systems are equal when they are equally long
}

// Neighbor is one configured neighbour.
type Neighbor struct {
	Address netip.Addr
	Peering
}

// Dynamic accepts neighbours that connect from addresses in a prefix.
type Dynamic struct {
	Prefix netip.Prefix
	Limit  int // neighbours at a time
	Peering
}

// Peering is what a neighbour and a prefix of dynamic neighbours have in common.
type Peering struct {
	Description  string
	RemoteAS     uint32
	LocalAddress netip.Addr // source of the session; the zero Addr lets the kernel choose
	Port         uint16     // of the neighbour
	Password     string     // TCP MD5 (RFC 2385), at most 80 bytes; empty: none
	Passive      bool       // do not connect, wait
	Disabled     bool       // administratively down
	// Multihop is the TTL of what is sent to an eBGP neighbour that is not on a connected network,
	// 2..255; 0: it is on one.
	Multihop uint8
	// TTLSecurity is how many hops away the neighbour is at most (RFC 5082), 1..254; 0: unchecked.
	TTLSecurity     uint8
	Timers          Timers
	GracefulRestart GracefulRestart
	Reflect         bool // route reflection client (RFC 4456)
	RouteServer     bool // route server client (RFC 7947)
	NextHopSelf     bool // tell an iBGP neighbour the own address as next hop
	BFD             bool // the session falls with the BFD session

	// Import and Export name policies, "" is none. What an eBGP neighbour without a policy
	// says is not used and nothing is said to it (RFC 8212), unless Open.
	Import, Export string
	Open           bool
	// PrefixLimit is how many prefixes a neighbour may announce before its session is
	// closed; 0: any number.
	PrefixLimit uint32
}

// Internal tells whether a neighbour is in the own autonomous system.
func (p *Peering) Internal(own uint32) bool { return p.RemoteAS == own }

// Timers of a session (RFC 4271 10).
type Timers struct {
	Hold         time.Duration // 3 s .. 65535 s
	Keepalive    time.Duration
	ConnectRetry time.Duration
}

// GracefulRestart says what is told to a neighbour and done for it (RFC 4724).
type GracefulRestart struct {
	Enabled bool
	Time    time.Duration // how long the neighbour is to wait for us, at most 4095 s
}
