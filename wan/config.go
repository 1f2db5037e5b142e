package wan

import (
	"math/bits"
	"net/netip"
	"path"
	"slices"
	"time"
)

// Config is what the operator wants of the uplinks. The zero Config has none.
type Config struct {
	Uplinks             []Uplink // in the order of the file, which breaks ties
	Balance             Balance
	ReplyThroughIngress bool         // what came in through an uplink is answered through it
	Rules               []Rule       // the first match wins, before balancing
	Endpoints           []netip.Addr // far ends of tunnels, all through one uplink
	FindWireGuard       bool         // so are the peers of the WireGuard links, see [Machine.SetPeers]
	FindOpenVPN         bool         // and the far ends of OpenVPN processes
	Flush               bool         // conntrack entries of an uplink that dies
	OnChange            []string     // commands, each a program with its arguments
	Mark                Mark
}

// Uplink is one way to the Internet.
type Uplink struct {
	Name      string
	Interface string // name or glob of its link
	Gateway   Gateway
	Weight    int // share of new connections, 1..254
	Tier      int // carries traffic while no uplink of a smaller one is up, 1..16
	NAT       NAT
	Check     Check
	Resolvers []netip.Addr // reached through this uplink only
}

func (u *Uplink) fits(link string) bool {
	ok, err := path.Match(u.Interface, link)
	return err == nil && ok
}

// Gateway is the next router. An address that is not there stands for the link
// itself (point-to-point), or with DHCP for what the kernel's default route says.
type Gateway struct {
	Address netip.Addr
	DHCP    bool
}

// NAT says what becomes of the source address of what leaves by an uplink.
type NAT struct {
	Masquerade bool
	Source     netip.Addr // this one instead; the zero Addr without Masquerade is no NAT
}

// Check says how an uplink's health is found.
type Check struct {
	Targets   []Target
	Quorum    int           // of the targets other than the gateway, how many must answer
	Interval  time.Duration // between two rounds
	Timeout   time.Duration // of one probe
	DownAfter int           // failed rounds in a row
	UpAfter   int           // good rounds in a row
	HoldUp    time.Duration // how long a dead uplink must have been well before it is used again
}

// Target is what one probe asks.
type Target struct {
	Kind    TargetKind
	Address netip.Addr // not of ProbeGateway
	Port    uint16     // of ProbeTCP
}

// TargetKind is how a target is asked.
type TargetKind uint8

// Kinds of targets.
const (
	ProbeGateway TargetKind = iota + 1 // the next router answers
	ProbeICMP                          // an echo is answered
	ProbeTCP                           // a connection is accepted or refused
	ProbeDNS                           // a query is answered
)

// Balance says by what new connections are spread over the uplinks.
type Balance uint8

// Ways to balance.
const (
	PerConnection  Balance = iota + 1 // dealt out in turn, by weight
	PerAddressPair                    // by source and destination address
	PerSource                         // by source address
	PerDestination                    // by destination address
	Nth                               // dealt out in turn, by weight: the name that RouterOS has for it
	ByRoute                           // by the hash of the kernel's multipath route; packets bear no mark
)

// Rule sends what it matches through one uplink. An empty list matches everything.
type Rule struct {
	Source      []netip.Prefix
	Destination []netip.Prefix
	Protocol    uint8 // 0: any
	Ports       []PortRange
	Uplink      string
	Strict      bool // while the uplink is down the packets are dropped, not balanced
}

// PortRange is a range of ports, both ends included.
type PortRange struct{ First, Last uint16 }

// Owns tells whether a link belongs to one of the uplinks.
func (c *Config) Owns(link string) bool {
	return slices.ContainsFunc(c.Uplinks, func(u Uplink) bool { return u.fits(link) })
}

// Mark says which bits of packet marks, which tables and which rule priorities are ours.
type Mark struct {
	Mask      uint32 // contiguous bits, 3 or more
	TableBase uint32
	RuleBase  uint32
}

// MaxUplinks is how many uplinks the mask can tell apart: no mark is 0, and the
// two largest values have a meaning of their own.
func (m Mark) MaxUplinks() int { return m.highest() - 2 }

// highest is the identifier whose mark is the whole mask.
func (m Mark) highest() int { return int(m.Mask >> m.shift()) }

// Table is the routing table of an identifier.
func (m Mark) Table(id int) uint32 { return m.TableBase + uint32(id) }

// QuestionTable is the routing table that says no to what would take the default.
func (m Mark) QuestionTable() uint32 { return m.Table(m.highest()) }

// Priorities of the policy rules: the tables' routes to endpoints first, then the main table without its default,
// the rule of each mark, and sockets that are bound to an uplink's link.
func (m Mark) EndpointRule() uint32    { return m.RuleBase }
func (m Mark) MainRule() uint32        { return m.RuleBase + 1 }
func (m Mark) MarkRule(id int) uint32  { return m.RuleBase + 1 + uint32(id) }
func (m Mark) QuestionRule() uint32    { return m.MarkRule(m.highest()) }
func (m Mark) BoundRule(id int) uint32 { return m.QuestionRule() + uint32(id) }

// Of is the mark of an identifier under the mask.
func (m Mark) Of(id int) uint32 { return uint32(id) << m.shift() }

// Question marks a packet that is asked about: would it take the default?
func (m Mark) Question() uint32 { return m.Mask }

// Routed marks connections that the kernel's multipath route has spread.
func (m Mark) Routed() uint32 { return m.Of(m.MaxUplinks() + 1) }

func (m Mark) shift() int { return bits.TrailingZeros32(m.Mask) }

// String returns the word of the configuration.
func (b Balance) String() string {
	switch b {
	case PerConnection:
		return "per-connection"
	case PerAddressPair:
		return "per-address-pair"
	case PerSource:
		return "per-source"
	case PerDestination:
		return "per-destination"
	case Nth:
		return "nth"
	case ByRoute:
		return "route"
	}
	return "unknown"
}
