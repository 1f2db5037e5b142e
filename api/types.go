package api

// Neighbors is the body of [PathNeighbors].
type Neighbors struct {
	Neighbors List[Neighbor] `json:"neighbors"` // by interface, then address
}

// Neighbor is one OSPF neighbour (RFC 2328 10).
type Neighbor struct {
	RouterID        string `json:"routerId"`
	Address         string `json:"address"` // source of its hellos
	Interface       string `json:"interface"`
	Area            string `json:"area"`
	State           string `json:"state"` // RFC 2328 10.1: Down, Init, 2-Way, ExStart, Exchange, Loading, Full
	BFD             string `json:"bfd"`   // state of its BFD session; empty when there is none
	Role            string `json:"role"`  // DR, Backup, DROther; "-" where there is no election
	Why             string `json:"why"`   // why it is not Full; empty when it is
	Priority        int    `json:"priority"`
	DR              string `json:"dr"`           // whom its last Hello named as DR; 0.0.0.0: nobody
	BDR             string `json:"bdr"`          // and as Backup
	UpTimeMsec      int64  `json:"upTimeMsec"`   // since the last change of state
	DeadTimeMsec    int64  `json:"deadTimeMsec"` // until the inactivity timer fires
	HelpingMsec     int64  `json:"helpingMsec"`  // for which it is still helped through a graceful restart (RFC 3623); 0: it is not
	LastHelp        string `json:"lastHelp"`     // how that ended last, or why it was refused; empty when it never was asked for
	RetransmitCount int    `json:"retransmitCount"`
	RequestCount    int    `json:"requestCount"`
	SummaryCount    int    `json:"summaryCount"`
	ExtendedOptions string `json:"extendedOptions"` // that it signals link-locally (RFC 5613): LR, RS; "-" when none
}

// TimeFormat is how instants of [Event] and [SPFRun] are written: RFC 3339 with milliseconds.
const TimeFormat = "2006-01-02T15:04:05.000Z07:00"

// Events is the body of [PathEvents].
type Events struct {
	Events List[Event] `json:"events"` // newest first
}

// Event is something that happened to OSPF.
type Event struct {
	Time string `json:"time"` // [TimeFormat]
	Kind string `json:"kind"` // neighbor, interface, graceful-restart, rejected (a packet), overflow, alarm, uplink, bgp, announcement

	Interface string `json:"interface"` // or uplink
	RouterID  string `json:"routerId"`  // of the neighbour; empty when unknown
	Address   string `json:"address"`   // of the neighbour, source of the packet, or prefix of the announcement
	From      string `json:"from"`      // state before and after a change
	To        string `json:"to"`
	Reason    string `json:"reason"`
}

// SPF is the body of [PathSPF].
type SPF struct {
	Delay SPFDelay     `json:"delay"`
	Runs  List[SPFRun] `json:"runs"` // newest first
}

// SPFDelay is the state of the SPF back-off delay machine (RFC 8405).
type SPFDelay struct {
	State        string `json:"state"`        // QUIET, SHORT_WAIT, LONG_WAIT
	Pending      bool   `json:"pending"`      // a run is due
	Trigger      string `json:"trigger"`      // of that run, or of the last one
	RunMsec      int64  `json:"runMsec"`      // until it
	HoldDownMsec int64  `json:"holdDownMsec"` // until the state is QUIET, when nothing changes; 0 when it is
	LearnMsec    int64  `json:"learnMsec"`    // until the state is LONG_WAIT; 0 when that timer does not run
}

// SPFRun is one calculation of routes.
type SPFRun struct {
	Time         string `json:"time"`         // [TimeFormat], of the first of several runs
	Kind         string `json:"kind"`         // full (shortest-path trees grown), partial (leaves only)
	Trigger      string `json:"trigger"`      // what asked for it first
	Areas        int    `json:"areas"`        // whose trees were grown; those without a change keep theirs
	Vertices     int    `json:"vertices"`     // routers and transit networks on these trees
	Changed      int    `json:"changed"`      // routes
	Runs         int    `json:"runs"`         // partial runs that followed each other within a second
	DurationUsec int64  `json:"durationUsec"` // from the event to the published routes
}

// BFD is the body of [PathBFD].
type BFD struct {
	BFD BFDSessions `json:"bfd"`
}

// BFDSessions is everything about BFD.
type BFDSessions struct {
	Sessions List[BFDSession] `json:"sessions"` // by interface, then peer
	Rejected Counts           `json:"rejected"` // received packets that were dropped, of no session as well
}

// BFDSession is one BFD session (RFC 5880 6.8.1).
type BFDSession struct {
	Peer                string `json:"peer"`
	Local               string `json:"local"` // source address
	Interface           string `json:"interface"`
	State               string `json:"state"`       // AdminDown, Down, Init, Up
	RemoteState         string `json:"remoteState"` // last received
	LocalDiscriminator  uint32 `json:"localDiscriminator"`
	RemoteDiscriminator uint32 `json:"remoteDiscriminator"` // 0 when unknown
	SourcePort          int    `json:"sourcePort"`
	Diagnostic          string `json:"diagnostic"`       // why it was down last
	RemoteDiagnostic    string `json:"remoteDiagnostic"` // last received
	StateTimeMsec       int64  `json:"stateTimeMsec"`    // since the last change of state
	TxIntervalUsec      int64  `json:"txIntervalUsec"`   // agreed
	RxIntervalUsec      int64  `json:"rxIntervalUsec"`   // agreed; 0 before the first packet
	DetectionTimeUsec   int64  `json:"detectionTimeUsec"`
	Multiplier          int    `json:"multiplier"`
	RemoteMultiplier    int    `json:"remoteMultiplier"`
	PacketsSent         uint64 `json:"packetsSent"`
	PacketsReceived     uint64 `json:"packetsReceived"`
	PacketsDropped      uint64 `json:"packetsDropped"`
	UpCount             uint64 `json:"upCount"`      // how often it came up
	FailureCount        uint64 `json:"failureCount"` // how often the path failed while it was up
	Why                 string `json:"why"`          // why it is not Up; empty when it is
}

// Interfaces is the body of [PathInterfaces].
type Interfaces struct {
	Interfaces List[Interface] `json:"interfaces"` // by name
}

// Interface is one link that OSPF runs on, or would if it could (RFC 2328 9).
type Interface struct {
	Interface      string `json:"interface"`
	Area           string `json:"area"`
	Type           string `json:"type"`    // broadcast, point-to-point, loopback
	State          string `json:"state"`   // RFC 2328 9.1 (Down, Loopback, Waiting, Point-to-point, DR Other, Backup, DR), or Passive
	Address        string `json:"address"` // with prefix length; empty when there is none
	Cost           int    `json:"cost"`
	MTU            int    `json:"mtu"` // bytes, IP
	Priority       int    `json:"priority"`
	DR             string `json:"dr"`  // its address on the link; 0.0.0.0 when there is none
	BDR            string `json:"bdr"` // as dr
	HelloMsec      int64  `json:"helloMsec"`
	DeadMsec       int64  `json:"deadMsec"`
	NeighborCount  int    `json:"neighborCount"`
	AdjacentCount  int    `json:"adjacentCount"` // neighbours that are Full
	Passive        bool   `json:"passive"`
	Authentication string `json:"authentication"` // how packets are authenticated: none; algorithm, key id and chain; never a secret
	Why            string `json:"why"`            // why it is Down, or what is wrong with its keys; else empty
	Rejected       Counts `json:"rejected"`       // received packets that were dropped
}

// Database is the body of [PathDatabase].
type Database struct {
	RouterID string         `json:"routerId"`
	Areas    List[AreaLSAs] `json:"areas"`
	External List[LSA]      `json:"external"` // AS scope
	Link     List[LinkLSAs] `json:"link"`     // link scope, by interface
	Limits   DatabaseLimits `json:"limits"`
}

// DatabaseLimits is how much the databases hold and what their limits have kept out.
type DatabaseLimits struct {
	Overflow     bool                `json:"overflow"`  // own externals are taken back for want of room (RFC 1765)
	Externals    int                 `json:"externals"` // AS-external-LSAs but for default routes
	MaxExternals int                 `json:"maxExternals"`
	Databases    List[DatabaseLimit] `json:"databases"`
}

// DatabaseLimit is that of one flooding scope.
type DatabaseLimit struct {
	Scope      string `json:"scope"` // "AS", "area 0.0.0.0", "link eth0"
	LSAs       int    `json:"lsas"`  // a router-LSA counts as often as it has links
	MaxLSAs    int    `json:"maxLsas"`
	Refused    uint64 `json:"refused"`    // LSAs that there was no room for
	Incomplete bool   `json:"incomplete"` // one of them may still be missing
}

// AreaLSAs is the link-state database of one area.
type AreaLSAs struct {
	Area        string    `json:"area"`
	LSAs        List[LSA] `json:"lsas"`
	Fingerprint string    `json:"fingerprint"` // equal on all routers of the area when their databases are
}

// LinkLSAs is the link-scope database of one interface (RFC 5250).
type LinkLSAs struct {
	Interface string    `json:"interface"`
	LSAs      List[LSA] `json:"lsas"`
}

// LSA is the header of one link-state advertisement (RFC 2328 12.1).
type LSA struct {
	Type              string `json:"type"` // router, network, summary, asbr-summary, as-external, nssa, opaque-link, opaque-area, opaque-as
	LinkStateID       string `json:"linkStateId"`
	AdvertisingRouter string `json:"advertisingRouter"`
	Age               int    `json:"age"`            // seconds
	DoNotAge          bool   `json:"doNotAge"`       // and does not grow (RFC 1793)
	SequenceNumber    string `json:"sequenceNumber"` // "0x80000001"
	Checksum          string `json:"checksum"`       // "0x1234"
	Length            int    `json:"length"`         // bytes, with the header
}

// LSADetails is the body of [PathLSAs].
type LSADetails struct {
	LSAs List[LSADetail] `json:"lsas"` // of the areas, then of the AS and of links
}

// LSADetail is one LSA with its contents.
type LSADetail struct {
	Area      string   `json:"area"`      // empty for AS scope
	Interface string   `json:"interface"` // of link scope; else empty
	Raw       string   `json:"raw"`       // all bytes in hex, the age as it is now
	Contents  Document `json:"contents"`  // what the bytes say, named as `ecmpd decode -o json` does
}

// Hostnames is the body of [PathHostnames].
type Hostnames struct {
	Hostnames List[Hostname] `json:"hostnames"` // by router id
}

// Hostname is the name that a router tells (RFC 5642), fit for a terminal.
type Hostname struct {
	RouterID string `json:"routerId"`
	Hostname string `json:"hostname"`
}

// Graph is the body of [PathGraph]: the topology as the router-LSAs and network-LSAs tell it.
type Graph struct {
	RouterID string          `json:"routerId"` // of this router
	Areas    List[GraphArea] `json:"areas"`
}

// GraphArea is the graph of one area (RFC 2328 2.1).
type GraphArea struct {
	Area     string             `json:"area"`
	Routers  List[GraphRouter]  `json:"routers"`  // by router id; one without a router-LSA is there when another names it
	Networks List[GraphNetwork] `json:"networks"` // transit networks, by id
	Links    List[GraphLink]    `json:"links"`    // one for each direction, by from and to
}

// GraphRouter is a router of an area.
type GraphRouter struct {
	RouterID   string          `json:"routerId"`
	Hostname   string          `json:"hostname"` // RFC 5642; empty when it tells none
	Self       bool            `json:"self"`
	AreaBorder bool            `json:"areaBorder"`
	Boundary   bool            `json:"boundary"` // it announces externals
	Known      bool            `json:"known"`    // its router-LSA is in the database
	Stubs      List[GraphStub] `json:"stubs"`    // its own networks
}

// GraphStub is a network that one router announces for itself.
type GraphStub struct {
	Prefix string `json:"prefix"`
	Cost   int    `json:"cost"`
}

// GraphNetwork is a transit network.
type GraphNetwork struct {
	ID     string `json:"id"`     // address of the designated router on it
	Prefix string `json:"prefix"` // empty when its network-LSA is not in the database
	DR     string `json:"dr"`     // router id of the designated router
}

// GraphLink is one direction of a link.
type GraphLink struct {
	From     string `json:"from"` // router id, or id of a network
	To       string `json:"to"`
	Type     string `json:"type"`     // point-to-point, transit (router to network), network (network to router), virtual
	Cost     int    `json:"cost"`     // 0 from a network
	OneSided bool   `json:"oneSided"` // the other end does not say so: no route uses it
}

// BorderRouters is the body of [PathBorderRouters].
type BorderRouters struct {
	BorderRouters List[BorderRouter] `json:"borderRouters"` // by router id, then area
}

// BorderRouter is the way to an area border router or AS boundary router
// through one area (RFC 2328 11).
type BorderRouter struct {
	RouterID   string    `json:"routerId"`
	AreaBorder bool      `json:"areaBorder"` // it joins areas
	Boundary   bool      `json:"boundary"`   // it announces externals
	Type       string    `json:"type"`       // intra-area, inter-area
	Area       string    `json:"area"`
	Cost       uint32    `json:"cost"`
	NextHops   List[Hop] `json:"nexthops"` // in the order of the remote router's id
}

// Routes is the body of [PathRoutes] and of [PathOSPFRoutes].
type Routes struct {
	Routes List[Route] `json:"routes"` // by prefix, then distance
}

// Route is one way to a prefix, from one source.
type Route struct {
	Prefix    string    `json:"prefix"`
	Protocol  string    `json:"protocol"`  // connected, static, kernel, ospf, wan, bgp
	Type      string    `json:"type"`      // of OSPF: intra-area, inter-area, external-1, external-2, nssa-1, nssa-2, discard (of an address range); else empty
	Area      string    `json:"area"`      // of OSPF routes, but for AS externals; else empty
	Cost      uint32    `json:"cost"`      // RFC 2328 11; of an external-2 or nssa-2 route: to the AS boundary router in PathOSPFRoutes, its type2Cost in PathRoutes
	Type2Cost uint32    `json:"type2Cost"` // of an external-2 or nssa-2 route; else 0
	Tag       uint32    `json:"tag"`
	Distance  int       `json:"distance"`  // administrative, 0..255
	Selected  bool      `json:"selected"`  // best of all sources for this prefix
	Installed bool      `json:"installed"` // the kernel forwards by it
	Reason    string    `json:"reason"`    // why it is selected and not installed, or why a recursive one can not be selected; else empty
	NextHops  List[Hop] `json:"nexthops"`  // in the order of the remote router's id

	// Gateways make a route recursive, by address: other routes lead to them, and NextHops is where to.
	Gateways List[Gateway] `json:"gateways"`
}

// Gateway is one next hop of a recursive route, as its source named it.
type Gateway struct {
	Via    string `json:"via"`
	Weight int    `json:"weight"` // relative to the others, at least 1
}

// Hop is one member of an equal-cost set.
type Hop struct {
	Via       string `json:"via"` // gateway; empty when directly connected
	Interface string `json:"interface"`
	RouterID  string `json:"routerId"`  // neighbour behind it; 0.0.0.0 when unknown
	Weight    int    `json:"weight"`    // 1..254
	Installed bool   `json:"installed"` // the kernel uses it now
}

// NextHops is the body of [PathNextHops].
type NextHops struct {
	Groups List[Group] `json:"groups"` // by id
}

// Group is one kernel nexthop group that routes point at.
type Group struct {
	ID      uint32       `json:"id"`
	Members List[Member] `json:"members"`
	Routes  int          `json:"routes"` // how many point at it
	// Counted: the kernel counts the packets of each member (Linux 6.9).
	Counted bool `json:"counted"`
}

// Member is one kernel nexthop object in a group. A dead leg stays listed, not
// installed, for as long as the set wants it.
type Member struct {
	ID uint32 `json:"id"` // 0 when the kernel does not hold the object
	Hop
	Share    int    `json:"share"`    // per cent of the flows, by the weights of the members that are installed
	Packets  uint64 `json:"packets"`  // since the group was last written
	Measured int    `json:"measured"` // per cent of the group's packets
}

// TransitBody is the body of [PathTransit].
type TransitBody struct {
	Transit Transit `json:"transit"`
}

// Transit says which prefixes are transit, so that flows between them are not
// tracked, and what stands in the way.
type Transit struct {
	Mode       string        `json:"mode"` // off, notrack, auto, strays (off, but for ICMP errors and fragments)
	Prefixes   List[string]  `json:"prefixes"`
	Interfaces List[string]  `json:"interfaces"`
	Tracked    List[string]  `json:"tracked"` // configured networks that stay tracked
	Holes      List[Hole]    `json:"holes"`
	InSync     bool          `json:"inSync"` // the kernel's sets are the wanted ones
	BlockedBy  List[Blocker] `json:"blockedBy"`
	// MayTranslate are NAT rules that are not understood: what they translate may have to be listed under transit.tracked.
	MayTranslate List[Blocker]    `json:"mayTranslate"`
	Policy       List[PolicyRule] `json:"policy"`   // for untracked packets, in order; the last one, without number, is the default
	Warnings     List[Warning]    `json:"warnings"` // tracked networks that cannot work as they are
}

// Warning is a tracked network of whose flows connection tracking sees a part
// only, because other routers carry the rest.
type Warning struct {
	Prefix string `json:"prefix"`
	Reason string `json:"reason"` // and what to do
}

// PolicyRule is a rule for untracked transit packets.
type PolicyRule struct {
	Number   int          `json:"number"`   // from 1; 0 for what no rule matches
	From     List[string] `json:"from"`     // empty: any
	To       List[string] `json:"to"`       // empty: any
	Protocol string       `json:"protocol"` // empty: any
	Ports    List[string] `json:"ports"`    // empty: any
	Action   string       `json:"action"`   // accept, drop
	Packets  uint64       `json:"packets"`  // since the rules were written
}

// Hole is a network inside a transit prefix that is not transit.
type Hole struct {
	Prefix string `json:"prefix"`
	Reason string `json:"reason"`
}

// Blocker is a place in somebody else's ruleset that drops untracked packets.
type Blocker struct {
	Family  string `json:"family"`
	Table   string `json:"table"`
	Chain   string `json:"chain"`
	Rule    string `json:"rule"`    // text of the rule; "policy" for the chain's policy
	Certain bool   `json:"certain"` // false: it drops some such packets only
}

// SymmetryBody is the body of [PathSymmetry].
type SymmetryBody struct {
	Symmetry Symmetry `json:"symmetry"`
}

// Symmetry says how this router hashes, and of every two routers with networks
// whether both directions of their flows meet the same hub.
type Symmetry struct {
	Hash      string             `json:"hash"`      // l3, l4
	Shared    bool               `json:"shared"`    // the hash has the seed of a key that routers share
	Guessable bool               `json:"guessable"` // that key is the area: anybody can tell which hub a flow will meet
	Strays    bool               `json:"strays"`    // ICMP errors and fragments may meet another hub than their flow
	Truncated bool               `json:"truncated"` // there are more pairs
	Pairs     List[SymmetryPair] `json:"pairs"`     // by area, then router id
}

// SymmetryPair is two routers that announce networks.
type SymmetryPair struct {
	Area      string       `json:"area"`
	A         string       `json:"a"`         // router id, the lower one
	B         string       `json:"b"`         // router id
	Symmetric string       `json:"symmetric"` // yes, no, unproven (a router does not say how it hashes)
	Through   List[string] `json:"through"`   // ids of the routers in between, of both directions
	Why       List[string] `json:"why"`       // what is in the way; empty when nothing is
}

// Status is the body of [PathStatus].
type Status struct {
	Version    string       `json:"version"`
	RouterID   string       `json:"routerId"`
	PID        int          `json:"pid"`
	StartedAt  string       `json:"startedAt"` // RFC 3339
	UpTimeMsec int64        `json:"upTimeMsec"`
	Converged  bool         `json:"converged"` // first convergence after the start is over
	Config     ConfigStatus `json:"config"`
	OSPF       OSPFStatus   `json:"ospf"`
	Kernel     KernelStatus `json:"kernel"`
}

// ConfigStatus says which configuration runs.
type ConfigStatus struct {
	Path     string `json:"path"`
	LoadedAt string `json:"loadedAt"` // RFC 3339, last success
	Error    string `json:"error"`    // of the last reload; empty when it succeeded
}

// OSPFStatus holds the engine's counters since the start.
type OSPFStatus struct {
	Packets         List[PacketCount] `json:"packets"`
	Rejected        Counts            `json:"rejected"` // dropped packets, by reason
	Retransmits     uint64            `json:"retransmits"`
	NeighborChanges uint64            `json:"neighborChanges"`
	SPFRuns         uint64            `json:"spfRuns"`
	StubRouter      StubRouterStatus  `json:"stubRouter"`
	GracefulRestart RestartStatus     `json:"gracefulRestart"`
}

// RestartStatus is the graceful restart of this router (RFC 3623).
type RestartStatus struct {
	Active   bool   `json:"active"`
	LeftMsec int64  `json:"leftMsec"` // of the grace period
	Last     string `json:"last"`     // how it ended; empty when this run did not begin with one
}

// StubRouterStatus tells whether transit traffic is kept away (RFC 6987).
type StubRouterStatus struct {
	Active       bool `json:"active"`
	Drained      bool `json:"drained"`      // by `ecmpd drain`
	Acknowledged bool `json:"acknowledged"` // every adjacent neighbour knows the present state
}

// PacketCount counts OSPF packets of one type in one direction.
type PacketCount struct {
	Type      string `json:"type"`      // hello, database-description, link-state-request, link-state-update, link-state-ack
	Direction string `json:"direction"` // in, out
	Count     uint64 `json:"count"`
}

// KernelStatus compares what is wanted from the kernel with what it holds.
type KernelStatus struct {
	InSync     bool                 `json:"inSync"`
	Operations List[OperationCount] `json:"operations"`
	Resyncs    uint64               `json:"resyncs"` // complete comparisons
	Error      string               `json:"error"`   // of the last write; empty when it succeeded
}

// OperationCount counts writes to the kernel.
type OperationCount struct {
	Operation string `json:"operation"` // route-add, route-delete, nexthop-add, …
	Result    string `json:"result"`    // ok, failed
	Count     uint64 `json:"count"`
}

// Plan is the body of [PathPlan].
type Plan struct {
	Differences List[Difference] `json:"differences"` // in the order of the file
}

// Difference is one thing in which a configuration file differs from what runs. It is about interfaces, an
// area, or the router.
type Difference struct {
	Line       int          `json:"line"` // in the file, from 1; of what would hold it when the file leaves it out
	Column     int          `json:"column"`
	Area       string       `json:"area"`
	Interfaces List[string] `json:"interfaces"` // links, or the name of a virtual link
	Key        string       `json:"key"`        // path of keys below what it is about; empty: the whole of that
	Running    string       `json:"running"`    // value as it is written; empty when it is left out, a list or a secret
	File       string       `json:"file"`       // as running
	Impact     string       `json:"impact"`     // none, lsa (own LSAs change), adjacency (adjacencies begin anew), restart (only a restart of the daemon takes it over)
	Neighbors  List[string] `json:"neighbors"`  // ids of the routers whose adjacencies begin anew
	Detail     string       `json:"detail"`     // why
}

// Doctor is the body of [PathDoctor].
type Doctor struct {
	Findings List[Finding] `json:"findings"` // worst consequences first
	Wrong    int           `json:"wrong"`    // findings that are more than notes
}

// Finding is one thing that is not as it should be.
type Finding struct {
	Number   int    `json:"number"`   // from 1
	Check    string `json:"check"`    // kebab case: forwarding, rp-filter, …
	Severity string `json:"severity"` // wrong, note
	What     string `json:"what"`
	Why      string `json:"why"`    // it matters
	Repair   string `json:"repair"` // command, or what to do
}
