// Package arrows holds the test that guards the architecture: who may import
// whom, and what the pure packages must do without. The table is that of
// docs/architecture.md; a new package or a new arrow is a new line here, with
// its reason in the review.
package arrows

// module is where all packages of this table live.
const module = "github.com/ecmpd/ecmpd"

// room is one package and what it may import.
type room struct {
	path   string   // below the module; with "/..." it and all below
	own    []string // of this module; "*" is everything but cmd
	others []string // modules or packages of others, with all below
	pure   bool     // deterministic: values in, values out
	tests  bool     // imported by tests only
}

var (
	netlink    = "github.com/vishvananda/netlink"
	netns      = "github.com/vishvananda/netns"
	sys        = "golang.org/x/sys"
	xnet       = "golang.org/x/net"
	nftables   = "github.com/google/nftables"
	conntrack  = "github.com/ti-mo/conntrack"
	netfilter  = "github.com/ti-mo/netfilter"
	mdlayher   = "github.com/mdlayher/netlink"
	yaml       = "github.com/goccy/go-yaml"
	prometheus = "github.com/prometheus"
	logrus     = "github.com/sirupsen/logrus"
	cobra      = "github.com/spf13/cobra"
	pflag      = "github.com/spf13/pflag"
	gopacket   = "github.com/gopacket/gopacket"
	gobgp      = "github.com/osrg/gobgp/v3"
	protobuf   = "google.golang.org/protobuf"
	pretty     = "github.com/jedib0t/go-pretty"
	wireguard  = "golang.zx2c4.com/wireguard"
)

// table lists every package, upstream first: an arrow points to something above.
var table = []room{
	{path: "nexthop", pure: true},
	{path: "ipv4", pure: true},
	{path: "internal/footprint", pure: true},
	{path: "internal/child", others: []string{sys}},
	{path: "ospf/packet", pure: true},
	{path: "ospf/dissect", own: []string{"ospf/packet"}, pure: true},
	{path: "ospf/lsdb", own: []string{"internal/footprint", "ospf/packet"}, pure: true},
	{path: "ospf/spf", own: []string{"internal/footprint", "ospf/lsdb", "ospf/packet", "nexthop"}, pure: true},
	{path: "ospf/auth", own: []string{"ospf/packet"}, pure: true},
	{path: "ospf", own: []string{"internal/footprint", "ospf/auth", "ospf/spf", "ospf/lsdb", "ospf/packet", "nexthop"}, pure: true},
	{path: "ospf/sim", own: []string{"ospf", "ospf/auth", "ospf/spf", "ospf/lsdb", "ospf/packet", "nexthop"}, pure: true, tests: true},
	{path: "ospf/speaker", own: []string{"ospf"}, others: []string{xnet, sys}},
	{path: "bfd", pure: true},
	{path: "bfd/speaker", own: []string{"bfd"}, others: []string{sys}},
	{path: "bfd/worker", own: []string{"bfd", "bfd/speaker", "internal/child"}, others: []string{sys}},
	{path: "bgp", pure: true},
	{path: "bgp/policy", own: []string{"bgp"}, pure: true},
	{path: "bgp/announce", own: []string{"bgp", "bgp/policy"}, pure: true},
	{path: "bgp/table", own: []string{"bgp", "ipv4"}, pure: true},
	{path: "bgp/worker", own: []string{"bgp", "internal/child"}, others: []string{gobgp, protobuf, sys}},
	{path: "symmetry", own: []string{"ospf/packet"}, pure: true},
	{path: "rib", own: []string{"internal/footprint", "nexthop", "ipv4"}, pure: true},
	{path: "redistribute", own: []string{"bgp", "rib"}, pure: true},
	{path: "transit", own: []string{"rib", "nexthop"}, pure: true},
	{path: "wan", pure: true},
	{path: "wan/probe", own: []string{"wan"}, others: []string{sys}},
	{path: "wan/tunnel", others: []string{wireguard}},
	{path: "explain", own: []string{"ospf/spf", "ospf/packet", "symmetry"}, pure: true},
	{path: "doctor", pure: true},
	{path: "doctor/host"},
	{path: "fib", own: []string{"internal/footprint", "nexthop", "ipv4"}, others: []string{netlink, netns, sys}},
	{path: "fib/sysctl", others: []string{sys}},
	{path: "link", own: []string{"nexthop"}, others: []string{netlink, netns, sys}},
	{path: "firewall", others: []string{nftables, conntrack, netfilter, mdlayher, sys}},
	{path: "firewall/firewalld"},
	{path: "config", own: []string{"bgp", "ospf", "ospf/auth", "ospf/packet", "redistribute", "rib", "transit", "fib", "firewall", "nexthop", "wan", "bgp/policy", "bgp/announce"}, others: []string{yaml}},
	{path: "routeros/script", pure: true},
	{path: "routeros", own: []string{"routeros/script"}, pure: true},
	{path: "api", others: []string{prometheus, xnet}},
	{path: "daemon", own: []string{"*"}, others: []string{logrus, sys}},
	{path: "record", own: []string{"ospf"}},
	{path: "capture", others: []string{gopacket}},
	{path: "lab", others: []string{netlink, netns, sys}},
	{path: "lab/peer", own: []string{"lab"}, others: []string{sys}},
	{path: "lab/injector", own: []string{"ospf/packet"}, others: []string{sys}},
	{path: "lab/demo", own: []string{"lab", "lab/peer", "api"}, others: []string{sys}},
	{path: "cmd/ecmpd", own: []string{"api", "bfd/worker", "bgp/worker", "capture", "config", "daemon", "lab/demo", "ospf", "ospf/dissect", "record", "routeros"}, others: []string{cobra, pflag, pretty, sys}},
	{path: "integration/...", own: []string{"*"}, others: []string{yaml, netlink, netns, sys, wireguard}, tests: true},
	{path: "internal/arrows"},
	{path: "docs"},
}

// impure are the standard library's packages that a pure one must not import.
var impure = []ban{
	{"net", "a socket is no value; addresses are net/netip"},
	{"os", "files and the environment make the same inputs give other outputs"},
	{"sync", "there is one caller; a lock means that somebody shares state"},
	{"syscall", "the kernel is not an input"},
	{"runtime", "the scheduler is not an input"},
	{"context", "nothing in here waits"},
	{"log", "what happened is returned as events"},
	{"crypto/rand", "randomness is a seed that is handed over"},
	{"unsafe", "values are decoded, not cast"},
}

// clock are the functions of package time that read or wait for the clock.
var clock = []ban{
	{"Now", "the time is an argument"},
	{"Since", "it reads the clock; subtract from the time that was passed in"},
	{"Until", "it reads the clock; subtract the time that was passed in"},
	{"Sleep", "nothing in here waits; hand out a deadline"},
	{"After", "nothing in here waits; hand out a deadline"},
	{"AfterFunc", "nothing in here waits; hand out a deadline"},
	{"Tick", "nothing in here waits; hand out a deadline"},
	{"NewTimer", "nothing in here waits; hand out a deadline"},
	{"NewTicker", "nothing in here waits; hand out a deadline"},
}

// ban is something forbidden and why.
type ban struct{ name, reason string }
