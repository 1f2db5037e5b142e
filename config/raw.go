package config

// The file as it is written: each struct is a mapping, each field a key, and
// nothing is checked yet but the shape. A key that is not there is nil.

type rawConfig struct {
	Node      *node
	RouterID  *node         `key:"router-id"`
	Hostname  *node         `key:"hostname"`
	OSPF      *rawOSPF      `key:"ospf"`
	KeyChains []rawKeyChain `key:"key-chains"`
	Static    []rawStatic   `key:"static"`
	ECMP      *rawECMP      `key:"ecmp"`
	Transit   *rawTransit   `key:"transit"`
	Kernel    *rawKernel    `key:"kernel"`
	WAN       *rawWAN       `key:"wan"`
	BGP       *rawBGP       `key:"bgp"`
}

type rawOSPF struct {
	Node             *node
	InstanceID       *node                `key:"instance-id"`
	SPFDelay         *rawSPFDelay         `key:"spf-delay"`
	LSAThrottle      *rawLSAThrottle      `key:"lsa-throttle"`
	StubRouter       *rawStubRouter       `key:"stub-router"`
	DatabaseControl  *rawDatabaseControl  `key:"database-control"`
	NeighborControl  *rawNeighborControl  `key:"neighbor-control"`
	GracefulRestart  *rawGracefulRestart  `key:"graceful-restart"`
	RFC1583          *node                `key:"rfc1583-compatibility"`
	AutoCost         *rawAutoCost         `key:"auto-cost"`
	Distance         *rawDistance         `key:"distance" or:"scalar"`
	Areas            []rawArea            `key:"areas"`
	Redistribute     []rawRedistribute    `key:"redistribute"`
	DefaultOriginate *rawDefaultOriginate `key:"default-originate"`
}

type rawSPFDelay struct {
	Node        *node
	Initial     *node `key:"initial-delay"`
	Short       *node `key:"short-delay"`
	Long        *node `key:"long-delay"`
	HoldDown    *node `key:"hold-down"`
	TimeToLearn *node `key:"time-to-learn"`
}

type rawLSAThrottle struct {
	Node  *node
	Start *node `key:"start-interval"`
	Hold  *node `key:"hold-interval"`
	Max   *node `key:"max-interval"`
}

type rawAutoCost struct {
	Node      *node
	Enabled   *node `key:"enabled"`
	Reference *node `key:"reference-bandwidth"`
}

type rawStubRouter struct {
	Node           *node
	Administrative *node `key:"administrative"`
	OnStartup      *node `key:"on-startup"`
	OnShutdown     *node `key:"on-shutdown"`
}

type rawDatabaseControl struct {
	Node         *node
	MaxLSA       *node `key:"max-lsa"`
	MaxExternal  *node `key:"max-external-lsa"`
	ExitOverflow *node `key:"exit-overflow-interval"`
}

type rawNeighborControl struct {
	Node                  *node
	MaxNeighbors          *node `key:"max-neighbors"`
	MaxInterfaceNeighbors *node `key:"max-interface-neighbors"`
	MaxForming            *node `key:"max-forming"`
}

type rawGracefulRestart struct {
	Node      *node
	Enabled   *node `key:"enabled"`
	Interval  *node `key:"restart-interval"`
	Helper    *node `key:"helper-enabled"`
	StrictLSA *node `key:"helper-strict-lsa-checking"`
}

// rawDistance is a mapping, or a single number: then Node is a scalar.
type rawDistance struct {
	Node      *node
	IntraArea *node `key:"intra-area"`
	InterArea *node `key:"inter-area"`
	External  *node `key:"external"`
}

type rawArea struct {
	Node         *node
	ID           *node            `key:"area-id"`
	Type         *node            `key:"area-type"`
	Summary      *node            `key:"summary"`
	DefaultCost  *node            `key:"default-cost"`
	Translator   *node            `key:"nssa-translator"`
	Ranges       []rawRange       `key:"ranges"`
	Import       []*node          `key:"import-list"`
	Export       []*node          `key:"export-list"`
	Interfaces   []rawInterface   `key:"interfaces"`
	VirtualLinks []rawVirtualLink `key:"virtual-links"`
}

type rawVirtualLink struct {
	Node               *node
	Transit            *node              `key:"transit-area-id"`
	RouterID           *node              `key:"router-id"`
	HelloInterval      *node              `key:"hello-interval"`
	DeadInterval       *node              `key:"dead-interval"`
	RetransmitInterval *node              `key:"retransmit-interval"`
	TransmitDelay      *node              `key:"transmit-delay"`
	Authentication     *rawAuthentication `key:"authentication" like:"interfaces"`
}

type rawRange struct {
	Node      *node
	Prefix    *node `key:"prefix"`
	Advertise *node `key:"advertise"`
	Cost      *node `key:"cost"`
}

type rawInterface struct {
	Node               *node
	Match              []*node             `key:"match" or:"scalar"`
	Type               *node               `key:"interface-type"`
	Passive            *node               `key:"passive"`
	Cost               *node               `key:"cost"`
	Weight             *node               `key:"ecmp-weight"`
	Priority           *node               `key:"priority"`
	HelloInterval      *node               `key:"hello-interval"`
	DeadInterval       *node               `key:"dead-interval"`
	RetransmitInterval *node               `key:"retransmit-interval"`
	TransmitDelay      *node               `key:"transmit-delay"`
	MTUIgnore          *node               `key:"mtu-ignore"`
	LinkData           *node               `key:"link-data"`
	BFD                *rawBFD             `key:"bfd" or:"scalar"`
	TTLSecurity        *rawTTLSecurity     `key:"ttl-security"`
	Allowed            []*node             `key:"allowed-neighbors"`
	Authentication     *rawAuthentication  `key:"authentication"`
	Suppress           *node               `key:"prefix-suppression"`
	Multicast          *node               `key:"multicast"`
	Static             []rawStaticNeighbor `key:"static-neighbors"`
}

type rawStaticNeighbor struct {
	Node     *node
	Address  *node `key:"address"`
	Cost     *node `key:"cost"`
	Poll     *node `key:"poll-interval"`
	Priority *node `key:"priority"`
}

// rawBFD is a mapping, or true or false: then Node is a scalar.
type rawBFD struct {
	Node           *node
	Enabled        *node                 `key:"enabled"`
	MinInterval    *node                 `key:"min-interval"`
	Multiplier     *node                 `key:"multiplier"`
	Authentication *rawBFDAuthentication `key:"authentication"`
}

// rawBFDAuthentication has the names of RFC 9314.
type rawBFDAuthentication struct {
	Node       *node
	KeyChain   *node `key:"key-chain"`
	Meticulous *node `key:"meticulous"`
}

type rawTTLSecurity struct {
	Node    *node
	Enabled *node `key:"enabled"`
	Hops    *node `key:"hops"`
}

type rawKeyChain struct {
	Node *node
	Name *node    `key:"name"`
	Keys []rawKey `key:"keys"`
}

type rawKey struct {
	Node        *node
	ID          *node `key:"key-id"`
	Algorithm   *node `key:"algorithm"`
	Key         *node `key:"key"`
	KeyFile     *node `key:"key-file"`
	SendFrom    *node `key:"send-from"`
	SendUntil   *node `key:"send-until"`
	AcceptFrom  *node `key:"accept-from"`
	AcceptUntil *node `key:"accept-until"`
}

// rawAuthentication is the name of a chain, or a key without times.
type rawAuthentication struct {
	Node      *node
	KeyChain  *node `key:"key-chain"`
	Trailer   *node `key:"auth-trailer-rfc"`
	ID        *node `key:"key-id"`
	Algorithm *node `key:"algorithm"`
	Key       *node `key:"key"`
	KeyFile   *node `key:"key-file"`
}

type rawRedistribute struct {
	Node       *node
	Source     *node   `key:"source"`
	Prefixes   []*node `key:"prefixes"`
	Metric     *node   `key:"metric"`
	MetricType *node   `key:"metric-type"`
	Tag        *node   `key:"tag"`
}

type rawDefaultOriginate struct {
	Node       *node
	When       *node `key:"when"`
	Metric     *node `key:"metric"`
	DownMetric *node `key:"down-metric"`
	MetricType *node `key:"metric-type"`
	Tag        *node `key:"tag"`
}

type rawStatic struct {
	Node      *node
	Prefix    *node        `key:"prefix"`
	Blackhole *node        `key:"blackhole"`
	Recursive *node        `key:"recursive"`
	NextHops  []rawNextHop `key:"next-hops"`
}

type rawNextHop struct {
	Node   *node
	Via    *node   `key:"via"`
	Weight *node   `key:"weight"`
	BFD    *rawBFD `key:"bfd" or:"scalar"`
}

type rawECMP struct {
	Node           *node
	MaxPaths       *node `key:"max-paths"`
	Hash           *node `key:"hash"`
	SymmetricKey   *node `key:"symmetric-key"`
	SymmetricLevel *node `key:"symmetric-level"`
	Groups         *node `key:"groups"`
	Buckets        *node `key:"resilient-buckets"`
	IdleTimer      *node `key:"resilient-idle-timer"`
}

type rawTransit struct {
	Node           *node
	Mode           *node           `key:"mode"`
	Tracked        []*node         `key:"tracked"`
	Also           []*node         `key:"also"`
	ForwardAccept  *node           `key:"forward-accept"`
	InsertAccept   []rawChain      `key:"insert-accept"`
	FirewalldZones []*node         `key:"firewalld-zones" or:"scalar"`
	Policy         []rawPolicyRule `key:"policy"`
	PolicyDefault  *node           `key:"policy-default"`
}

type rawPolicyRule struct {
	Node     *node
	From     []*node `key:"from" or:"scalar"`
	To       []*node `key:"to" or:"scalar"`
	Protocol *node   `key:"protocol"`
	Ports    []*node `key:"ports" or:"scalar"`
	Action   *node   `key:"action"`
}

type rawChain struct {
	Node   *node
	Family *node `key:"family"`
	Table  *node `key:"table"`
	Chain  *node `key:"chain"`
}

type rawKernel struct {
	Node     *node
	Protocol *node `key:"protocol"`
	Metric   *node `key:"metric"`
	Shutdown *node `key:"shutdown"`
	Source   *node `key:"source"`
}

type rawWAN struct {
	Node       *node
	Uplinks    []rawUplink    `key:"uplinks"`
	Balance    *node          `key:"balance"`
	Reply      *node          `key:"reply-through-ingress"`
	Lists      *rawLists      `key:"lists" free:"keys"`
	Rules      []rawWANRule   `key:"rules"`
	Endpoints  []*node        `key:"endpoints"`
	OnFailover *rawOnFailover `key:"on-failover"`
	OnChange   []*node        `key:"on-change"`
	Mark       *rawMark       `key:"mark"`
}

type rawUplink struct {
	Node      *node
	Name      *node     `key:"name"`
	Interface *node     `key:"interface"`
	Gateway   *node     `key:"gateway"`
	Weight    *node     `key:"weight"`
	Tier      *node     `key:"tier"`
	NAT       *node     `key:"nat"`
	Check     *rawCheck `key:"check"`
	Resolvers []*node   `key:"resolvers"`
}

type rawCheck struct {
	Node      *node
	Targets   []*node `key:"targets"`
	Quorum    *node   `key:"quorum"`
	Interval  *node   `key:"interval"`
	Timeout   *node   `key:"timeout"`
	DownAfter *node   `key:"down-after"`
	UpAfter   *node   `key:"up-after"`
	HoldUp    *node   `key:"hold-up"`
}

// rawLists has the file's own keys, each over a list.
type rawLists struct{ Node *node }

type rawWANRule struct {
	Node        *node
	Source      []*node `key:"source" or:"scalar"`
	Destination []*node `key:"destination" or:"scalar"`
	Protocol    *node   `key:"protocol"`
	Port        []*node `key:"port" or:"scalar"`
	Uplink      *node   `key:"uplink"`
	Fallback    *node   `key:"fallback"`
}

type rawOnFailover struct {
	Node  *node
	Flush *node `key:"flush"`
}

type rawMark struct {
	Node      *node
	Mask      *node `key:"mask"`
	TableBase *node `key:"table-base"`
	RuleBase  *node `key:"rule-base"`
}
