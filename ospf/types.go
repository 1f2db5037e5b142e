package ospf

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/ecmpd/ecmpd/ospf/auth"
	"github.com/ecmpd/ecmpd/ospf/packet"
	"github.com/ecmpd/ecmpd/ospf/spf"
)

// Input is one of the things that can happen to the engine: [Datagram],
// [Tick], [Links], [Config], [Offer], [BFDDown], [Command], [Clock], [Sequences], [Restarting].
type Input interface{ input() }

// Datagram is one received OSPF packet.
type Datagram struct {
	Interface string     // link that it came in through
	Src, Dst  netip.Addr // of the IP header
	TTL       uint8      // of the IP header
	Data      []byte     // OSPF packet, without the IP header; the engine keeps no reference
}

// Tick says that the deadline was reached; it does no harm when early.
type Tick struct{}

// Links is a complete snapshot of the kernel's links.
type Links struct{ Links []Link }

// Link is what the kernel says about one link.
type Link struct {
	Name         string
	Index        int  // kernel ifindex: link data on unnumbered interfaces
	MTU          int  // bytes, IP
	Up           bool // administratively up and with carrier
	Speed        int  // Mbit/s; 0: not known, as of tunnels
	PointToPoint bool // IFF_POINTOPOINT
	Loopback     bool // IFF_LOOPBACK
	Addrs        []LinkAddr
}

// LinkAddr is one IPv4 address of a link.
type LinkAddr struct {
	Addr      netip.Prefix // own address with the prefix length
	Peer      netip.Addr   // peer address; zero when there is none
	Secondary bool
}

// Source says where an offered route comes from.
type Source uint8

// Sources of redistribution.
const (
	Connected Source = iota + 1
	Static
	Kernel
	BGP
)

// Offer says which routes of other protocols exist now, to be redistributed
// as the configuration's rules say. It is a difference: what is not named
// stays as it was.
type Offer struct {
	Source Source
	Add    []netip.Prefix
	Remove []netip.Prefix
}

// Command is an operator's or the daemon's order.
type Command uint8

// Commands.
const (
	// Shutdown sends max-metric router-LSAs for StubRouter.OnShutdown, then
	// flushes what the router originated. [Output.Done] is true when the
	// flushed LSAs were acknowledged, at the latest 1.5 s after that; the engine
	// does nothing more then.
	Shutdown Command = iota + 1
	// Drain makes the router a stub router (RFC 6987) until Undrain, whatever the
	// configuration says; Undrain goes back to what the configuration says.
	Drain
	Undrain
	// PrepareRestart readies the router for a restart that its neighbours do not notice (RFC 3623 2.1):
	// Grace-LSAs are sent, nothing is flushed. [Output.Done] is true when they were acknowledged, at the
	// latest after 3 s, with [RestartPrepared]; the engine does nothing more then.
	PrepareRestart
)

// String is the order in a word.
func (c Command) String() string {
	switch c {
	case Shutdown:
		return "shutdown"
	case Drain:
		return "drain"
	case Undrain:
		return "undrain"
	case PrepareRestart:
		return "prepare restart"
	}
	return fmt.Sprintf("command(%d)", uint8(c))
}

// Clock says what time of day it is at this instant. Lifetimes of keys and
// sequence numbers go by it; all else goes by the instants of Step, which do not jump.
// It is to be given before the first [Config] and when the clock was set; without
// it the instants are the time of day.
type Clock struct{ Wall time.Time }

// Sequences is what earlier runs have used up of the cryptographic sequence
// numbers, to be given before the first [Config]: see [Reserve].
type Sequences struct {
	Boot  uint32 // boot count of this run (RFC 7474 2), higher than that of every earlier one
	First uint32 // of authentication type 2: no number below is used
}

func (Datagram) input()  {}
func (Tick) input()      {}
func (Links) input()     {}
func (Config) input()    {}
func (Offer) input()     {}
func (Command) input()   {}
func (Clock) input()     {}
func (Sequences) input() {}

// Output is everything that one Step wants from the outside, in order.
type Output struct {
	Groups []Membership // multicast memberships to join or leave, before Send
	Send   []Transmit   // datagrams to send
	Routes []spf.Change // changes of the OSPF route table
	Events []Event      // what happened, for logs, metrics and fast failover
	Done   bool         // Shutdown is complete
}

// Transmit is one datagram to send. The traffic class is CS6 on all of them.
type Transmit struct {
	Interface string
	Src, Dst  netip.Addr
	TTL       uint8  // of the IP header; 0 counts as 1
	Routed    bool   // Dst is behind routers, which the routes through Interface lead to; else it is on the link
	Data      []byte // OSPF packet; owned by the receiver of the Output
}

// Membership is a change of multicast membership on an interface.
type Membership struct {
	Interface string
	Group     netip.Addr // 224.0.0.5 or 224.0.0.6
	Join      bool
}

// Event is a typed event: [NeighborChange], [InterfaceChange], [SPFRun],
// [PacketRejected], [Alarm], [OverflowChange], [Reserve], [Helping],
// [RestartChange], [RestartPrepared].
type Event interface{ event() }

// NeighborChange says that a neighbour changed its state.
type NeighborChange struct {
	Interface string
	Network   InterfaceType // of the interface
	Area      packet.ID
	RouterID  packet.ID
	Address   netip.Addr
	From, To  string // RFC 2328 10.1 names: "Down", "Init", "2-Way", "ExStart", "Exchange", "Loading", "Full"
	Reason    string // event in RFC 2328 10.2 words with detail, e.g. "inactivity timer (4s)"
	Helped    bool   // through a graceful restart: to the network the neighbour is Full
}

// InterfaceChange says that an OSPF interface changed its state or disappeared.
type InterfaceChange struct {
	Interface string
	Area      packet.ID
	From, To  string // RFC 2328 9.1 names
	Reason    string
}

// SPFRun says that a Dijkstra calculation was done (how long it took is for the caller to measure).
type SPFRun struct {
	Areas    int
	Vertices int
	Changed  int
	Trigger  string
}

// PacketRejected says that a packet was dropped. The engine limits these to
// one a second per interface and source, and to ten a second per interface; counters
// see every one.
type PacketRejected struct {
	Interface string
	Src       netip.Addr
	Type      packet.Type
	Reason    Reject
	Detail    string
}

// Alarm is a condition that an operator must look at (duplicate router id, database limit…),
// at most one a minute per kind and subject.
type Alarm struct {
	Kind    string
	Subject string
	Detail  string
}

// OverflowChange says that the router takes its AS-external-LSAs back because there are as many as
// there may be, or announces them again (RFC 1765 2.2, 2.4).
type OverflowChange struct {
	Active    bool
	Externals int // in the database
	Limit     int
}

// Reserve says which cryptographic sequence numbers are spoken for. They have to
// be kept where they survive the end of the program: the next run begins with a higher boot
// count and at this sequence number. It comes well before the numbers are used.
type Reserve struct {
	Boot     uint32
	Sequence uint32
}

func (NeighborChange) event()  {}
func (InterfaceChange) event() {}
func (SPFRun) event()          {}
func (PacketRejected) event()  {}
func (Alarm) event()           {}
func (OverflowChange) event()  {}
func (Reserve) event()         {}

// Config is everything that an operator asks of the engine. The zero value of
// a field is never a default: package config fills them in.
type Config struct {
	RouterID        packet.ID
	Instance        uint8 // RFC 6549: packets of others are not for us
	Areas           []Area
	VirtualLinks    []VirtualLink
	SPFDelay        SPFDelay
	LSAThrottle     LSAThrottle
	StubRouter      StubRouter
	GracefulRestart GracefulRestart
	RFC1583Compat   bool
	Redistribute    []Redistribute
	Default         DefaultOriginate
	Hostname        string            // told with Multipath (RFC 5642); empty: not told
	Multipath       *packet.Multipath // announced as router information (RFC 7770), without Weights; nil: nothing is
	MaxLSAs         int               // of one database, a router-LSA counting as often as it has links; 0: a million
	MaxExternals    int               // AS-external-LSAs, and type 7 LSAs of an NSSA (RFC 1765); 0: as MaxLSAs
	ExitOverflow    time.Duration     // how long own externals stay away when there are too many (RFC 1765); 0: for good
	MaxForming      int               // adjacencies that come up at the same time (RFC 4222); 0: no limit
	MaxNeighbors    int               // of one interface; 0: no limit
	MaxAllNeighbors int               // of all interfaces; 0: no limit

	MaxRetransmissions int // LSAs that wait for acknowledgements, of all neighbours together; 0: four million
}

// Area is one configured area (RFC 2328 C.2).
type Area struct {
	ID          packet.ID
	Type        AreaType
	Summary     bool           // of stub areas and NSSAs: area border routers import summaries
	DefaultCost uint32         // of the default route into stub areas and NSSAs, 24 bits
	Ranges      []Range        // one for each prefix; no prefix is a range of two areas
	Translator  TranslatorRole // of NSSAs
	Export      []PrefixRange  // networks of the area that are told to others; empty: all
	Import      []PrefixRange  // summaries that are told to the area; empty: all
	Interfaces  []InterfaceConfig
}

// AreaType is the type of an area (RFC 9129 area-type).
type AreaType uint8

// Area types.
const (
	AreaNormal AreaType = iota
	AreaStub            // RFC 2328 3.6
	AreaNSSA            // RFC 3101
)

// TranslatorRole is NSSATranslatorRole (RFC 3101 appendix D).
type TranslatorRole uint8

// Translator roles.
const (
	TranslatorCandidate TranslatorRole = iota // translates when it is elected
	TranslatorAlways
	TranslatorNever
)

// Range is an area address range (RFC 2328 3.5, C.2). One lies inside another where that is meant: the
// most specific counts.
type Range struct {
	Prefix    netip.Prefix
	Advertise bool   // announce the range; else hide its networks
	Cost      uint32 // announced, 24 bits; 0: the largest of its networks
}

// InterfaceConfig is one entry of an area's interfaces list: which links it
// takes and how they behave. First match wins over all areas in file order.
type InterfaceConfig struct {
	Match              Match
	Type               InterfaceType // 0: by the link's kind (loopback, POINTOPOINT flag, else broadcast)
	Passive            bool
	Cost               uint16 // of links whose speed does not say
	ReferenceBandwidth uint32 // in Mbit/s; divided by the link's speed, where that is known, it is the cost. 0: Cost always
	Weight             uint8  // share in equal-cost sets, 1..254
	Priority           uint8
	HelloInterval      time.Duration // whole seconds, 1..65535
	DeadInterval       time.Duration // whole seconds
	RetransmitInterval time.Duration
	TransmitDelay      time.Duration // whole seconds
	MTUIgnore          bool
	SuppressPrefix     bool // RFC 6860: the network of an adjacency is told to nobody
	LinkData           LinkData
	Unicast            bool             // of TypePointToMultipoint: no multicast, each packet goes to one neighbour
	Static             []StaticNeighbor // by address
	BFD                BFD
	Auth               auth.Scheme
	TTLHops            uint8          // RFC 5082: how many links a packet may have crossed, 1..254; 0: TTL security is off
	Allowed            []netip.Prefix // addresses that neighbours may have; empty: all
}

// StaticNeighbor is a neighbour that is known before it is heard (RFC 2328 C.5, C.6). Where
// packets are not multicast, Hellos go to it; its cost counts on point-to-multipoint and hybrid networks.
type StaticNeighbor struct {
	Address      netip.Addr
	Cost         uint16        // of the way to this neighbour; 0: that of the interface
	PollInterval time.Duration // between Hellos while it is Down
	Priority     uint8         // on TypeNonBroadcast, until it is heard: 0 is never DR
}

// InterfaceType is the OSPF interface type (RFC 2328 9, RFC 9129 interface-type).
type InterfaceType uint8

// Interface types.
const (
	TypeAuto InterfaceType = iota
	TypeBroadcast
	TypePointToPoint
	TypeLoopback
	TypeVirtual // a [VirtualLink]; no link of the kernel has it
	TypeNonBroadcast
	TypePointToMultipoint
	TypeHybrid // RFC 6845: a broadcast network that is described as point-to-multipoint
)

// LinkData chooses what link data an unnumbered point-to-point link carries in the router-LSA.
type LinkData uint8

// Link data choices. Auto is the ifindex on unnumbered links, the address on numbered ones.
const (
	LinkDataAuto LinkData = iota
	LinkDataIfIndex
	LinkDataAddress
)

// SPFDelay holds the RFC 8405 timers.
type SPFDelay struct {
	Initial, Short, Long, HoldDown, TimeToLearn time.Duration
}

// LSAThrottle keeps the originations of an LSA apart (RFC 2328 12.4): the first one after a quiet time comes Start after
// its cause, the next at least Hold later (0: MinLSInterval); the interval doubles with each one that comes soon, up to Max.
type LSAThrottle struct {
	Start, Hold, Max time.Duration
}

// StubRouter holds RFC 6987 behaviour; zero is off.
type StubRouter struct {
	Administrative bool
	OnStartup      time.Duration
	OnShutdown     time.Duration
}

// Redistribute is one rule; for each offered route the first rule with its source whose prefixes match decides.
type Redistribute struct {
	Source   Source
	Prefixes []PrefixRange // empty: all
	Metric   uint32
	Type2    bool
	Tag      uint32
}

// PrefixRange is a prefix list entry "P [ge N] [le N]".
type PrefixRange struct {
	Prefix netip.Prefix
	Ge, Le int // inclusive prefix lengths
}

// DefaultOriginate says when 0.0.0.0/0 is originated.
type DefaultOriginate struct {
	When   DefaultWhen
	Metric uint32
	Type2  bool
	Tag    uint32
}

// DefaultWhen is never, present or always.
type DefaultWhen uint8

// Default origination choices.
const (
	DefaultNever DefaultWhen = iota
	DefaultPresent
	DefaultAlways
)
