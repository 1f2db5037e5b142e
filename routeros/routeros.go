// Package routeros turns a RouterOS script into a configuration of ecmpd, and
// says what is wrong with the script and what of it was not taken over. It
// guesses nothing in silence: what is not certain is commented out in the
// configuration, with its reason.
//
//   - routeros.go: [Import] and what comes out; who reads which menu
//   - finding.go: what can be wrong, and what was not taken over
//   - value.go, link.go, route.go, firewall.go, table.go: statements to records
//   - mark.go, gateway.go, name.go: what is wrong with the records; where a gateway leads
//   - uplink.go, tier.go, nat.go, follow.go, share.go, reply.go, policy.go, list.go:
//     records to uplinks, shares and rules
//   - ospf.go, ospf6.go, ospf7.go, static.go, transit.go: the other sections
//   - yaml.go, write.go, wan.go, ospfwrite.go: the configuration as text
//
// The grammar is that of package script.
package routeros

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/ecmpd/ecmpd/routeros/script"
)

// MaxSize is the size in bytes of the largest script that is read.
const MaxSize = 16 << 20

// Result is what became of a script.
type Result struct {
	Version  string    // of RouterOS; empty when the script does not say
	Commands int       // in the script; 0 when it is none
	YAML     string    // the configuration; ecmpd check accepts it
	Findings []Finding // in the order of the script
	Skipped  []Skipped // in the order of the script
}

// Import reads a script; name stands for its file in comments. Text beyond
// [MaxSize] is refused.
func Import(name, text string) (Result, error) {
	if len(text) > MaxSize {
		return Result{}, fmt.Errorf("%s is larger than %d MiB: this is no RouterOS script", name, MaxSize>>20)
	}
	im := &importer{Script: script.Parse(text)}
	im.fate = make([]string, len(im.Statements))
	im.links.known = make(map[string]script.Pos)
	im.links.lists = make(map[string][]string)
	im.lists = make(map[string]*addressList)
	im.vrfs = make(map[string]bool)
	im.defines = make(map[int]bool)
	im.syntax()
	im.emptyValues()
	im.read()
	im.judgeMarks()
	im.followJumps()
	im.judgeNames()
	w := im.uplinks()
	im.judgeGateways(w)
	yaml := im.write(name, w)
	return Result{
		Version: im.Version, Commands: len(im.Statements), YAML: yaml,
		Findings: im.sortedFindings(), Skipped: im.sortedSkipped(),
	}, nil
}

// importer holds the records of one script.
type importer struct {
	script.Script
	seven    bool     // it is surely one of RouterOS 7
	fate     []string // of each statement: why it was not taken over; empty when it was
	findings []Finding
	defines  map[int]bool // statements that give variables the values which others have now

	links     links
	addresses []address
	clients   []client
	routes    []route
	defaults  int // how many of them are default routes
	hops      int // how many gateways all of them have
	tables    []table
	vrfs      map[string]bool // by name, which is that of their table as well
	policies  []routingRule
	rules     []rule // of all firewall tables
	lists     map[string]*addressList
	wanted    int      // lists that rules need
	entries   int      // and what they hold
	listNames []string // in the order of the script
	ospf      ospfRecords
	bgp       bgpRecords

	asked     int                 // for similar names, so far
	toTable   map[string]*rule    // see routingMark
	recursive map[netip.Addr]bool // see targetOnly
}

// reader reads a statement of its menu.
type reader struct {
	menu string
	read func(im *importer, i int, s *script.Statement)
}

// readers are the menus that are understood.
var readers = []reader{
	{"ip address", (*importer).readAddress},
	{"ip dhcp-client", (*importer).readDHCPClient},
	{"ip route", (*importer).readRoute},
	{"ip route rule", (*importer).readRoutingRule},
	{"ip firewall nat", (*importer).readFirewall},
	{"ip firewall mangle", (*importer).readFirewall},
	{"ip firewall raw", (*importer).readFirewall},
	{"ip firewall filter", (*importer).readFirewall},
	{"ip firewall address-list", (*importer).readListEntry},
	{"routing rule", (*importer).readRoutingRule},
	{"routing table", (*importer).readTable},
	{"routing id", (*importer).readRouterID},
	{"routing ospf", (*importer).readOSPFInstance}, // version 5
	{"routing ospf instance", (*importer).readOSPFInstance},
	{"routing ospf area", (*importer).readOSPFArea},
	{"routing ospf area range", (*importer).readOSPFRange},
	{"routing ospf network", (*importer).readOSPFNetwork},
	{"routing ospf interface", (*importer).readOSPFInterface},
	{"routing ospf interface-template", (*importer).readOSPFTemplate},
	{"routing ospf virtual-link", (*importer).readOSPFVirtualLink},
	{"routing ospf nbma-neighbor", (*importer).readOSPFNeighbor},
	{"routing ospf static-neighbor", (*importer).readOSPFNeighbor},
	{"routing bgp instance", (*importer).readBGPInstance},
	{"routing bgp template", (*importer).readBGPTemplate},
	{"routing bgp peer", (*importer).readBGPPeer},
	{"routing bgp connection", (*importer).readBGPConnection},
	{"routing bgp network", (*importer).readBGPNetwork},
	{"interface list member", (*importer).readListMember},
}

// strangers say why the statements of other menus are not taken over; the
// first menu that a statement lies in or below counts.
var strangers = []struct{ menu, why string }{
	{"tool netwatch", "ecmpd probes by itself: name the host as a target of an uplink's check, and commands under on-change"},
	{"system script", "scripts are not translated: on-change of wan runs commands when an uplink changes"},
	{"system scheduler", "scripts are not translated: on-change of wan runs commands when an uplink changes"},
	{"ip vrf", "VRFs are not supported"},
	{"ip route vrf", "VRFs are not supported"},
	{"ip dns", "no part of ecmpd: the machine's resolver; a resolver of one provider belongs under resolvers of its uplink"},
	{"ip dhcp-server", "no part of ecmpd: the machine's DHCP server"},
	{"ip ipsec", "no part of ecmpd: its tunnels are the machine's"},
	{"ipv6", "IPv6 is not supported"},
	{"routing filter", "routing filters are not translated: see import-list, export-list and redistribute"},
	{"routing ospf-v3", "OSPFv3 is not supported"},
	{"routing", "not supported in this version"},
	{"interface", "no part of ecmpd: links are made by the machine's own network configuration"},
	{"queue", "no part of ecmpd: queues are the kernel's (tc)"},
	{"ip firewall", "no part of ecmpd"},
	{"", "no part of ecmpd"},
}

// read goes over all statements.
func (im *importer) read() {
	byMenu := make(map[string]func(*importer, int, *script.Statement), len(readers))
	for _, r := range readers {
		byMenu[r.menu] = r.read
	}
	im.variables()
	for i := range im.Statements {
		s := &im.Statements[i]
		im.learnLinks(s)
		switch s.Menu {
		case "ip vrf": // of version 7, where tables bear their names
			im.vrfs[s.Value("name")] = true
		case "ip route vrf": // of version 6
			im.vrfs[s.Value("routing-mark")] = true
		case "routing id":
			im.learnRouterID(s)
		case "routing table", "routing rule", "routing ospf interface-template":
			im.seven = true
		case "ip route":
			_, named := s.Arg("routing-table")
			im.seven = im.seven || named
		}
	}
	im.seven = im.seven || strings.HasPrefix(im.Version, "7")
	earlier := make(map[string]int)
	for i := range im.Statements {
		s := &im.Statements[i]
		read, same := byMenu[s.Menu], whole(s)
		line, twice := earlier[same]
		if !twice {
			earlier[same] = s.Line
		}
		switch why := im.unreadable(s); {
		case im.defines[i]:
		case read != nil && s.Verb == "set" && s.Menu != "routing bgp instance" && s.Menu != "routing bgp template" && s.Menu != "routing ospf" && s.Menu != "routing ospf instance" && s.Menu != "routing ospf area":
			im.skip(i, "changes of what is there already are not followed: write it as it is meant to be")
		case why != "":
			im.skip(i, "%s", why)
		case twice && s.Verb == "add" && same != "":
			im.find(s.Pos, Repeated, "this is the command of line %d once more", line)
			im.skip(i, "it is the command of line %d once more", line)
		case read != nil:
			read(im, i, s)
			im.leftOver(i, s)
		case im.readLink(i, s):
		default:
			im.skip(i, "%s", stranger(s.Menu))
		}
	}
}

// whole is a statement as one text, for comparison; empty for those that may
// well stand twice: each takes its part of the packets, or overrides what is
// between the two.
func whole(s *script.Statement) string {
	var b strings.Builder
	if _, pcc := s.Arg("per-connection-classifier"); s.Menu == "ip firewall mangle" && !pcc {
		return ""
	}
	b.WriteString(s.Menu + " " + s.Verb)
	for _, a := range s.Args {
		if a.Name == "nth" || a.Name == "random" || a.Name == "limit" {
			return ""
		}
		fmt.Fprintf(&b, " %s=%q", a.Name, a.Value)
	}
	return b.String()
}

// parameters are those of each menu that are read, or mean nothing here.
var parameters = map[string]string{
	"ip address":     " address network netmask interface broadcast ",
	"ip dhcp-client": " interface add-default-route default-route-distance default-route-tables dhcp-options use-peer-dns use-peer-ntp ",
	"ip route":       " dst-address gateway distance check-gateway routing-mark routing-table scope target-scope type blackhole vrf-interface suppress-hw-offload ",
	"routing ospf instance": " name router-id version originate-default distribute-default redistribute redistribute-connected redistribute-static" +
		" redistribute-bgp redistribute-rip redistribute-other-ospf metric-connected metric-static metric-default metric-bgp metric-rip metric-other-ospf ",
	"routing bgp instance": " name as router-id redistribute-connected redistribute-static redistribute-ospf out-filter ",
	"routing bgp template": " name as router-id ",
	"routing bgp peer":     bgpParameters + " instance remote-address remote-as route-reflect update-source max-prefix-limit in-filter out-filter ",
	"routing bgp connection": bgpParameters + " as router-id templates local.role local.address remote.address remote.as listen connect" +
		" input.limit-process-routes-ipv4 input.filter output.redistribute output.network output.filter-chain output.filter-select ",
	"routing ospf area":               " name area-id instance type default-cost no-summaries inject-summary-lsas nssa-translator translator-role ",
	"routing ospf interface":          ospfParameters + " interface network-type authentication authentication-key authentication-key-id ",
	"routing ospf nbma-neighbor":      " address poll-interval priority instance ",
	"routing ospf static-neighbor":    " address poll-interval area ",
	"routing ospf interface-template": ospfParameters + " area interfaces networks type auth auth-id auth-key vlink-neighbor-id vlink-transit-area ",
}

const bgpParameters = " name tcp-md5-key multihop hold-time use-bfd nexthop-choice "

const ospfParameters = " cost priority passive use-bfd hello-interval dead-interval retransmit-interval transmit-delay "

// leftOver says which parameters of a statement are not taken over though the rest is.
func (im *importer) leftOver(i int, s *script.Statement) {
	known, ok := parameters[s.Menu]
	if !ok || im.fate[i] != "" {
		return
	}
	for _, a := range s.Args {
		if a.HasValue && a.Value != "default" && a.Name != "comment" && a.Name != "disabled" && !strings.Contains(known, " "+a.Name+" ") {
			im.note(a.Pos, Assumed, "%s is not taken over", clip(a.Name, 40))
		}
	}
}

func stranger(menu string) string {
	for _, s := range strangers {
		if s.menu == "" || menu == s.menu || strings.HasPrefix(menu, s.menu+" ") {
			return s.why
		}
	}
	return ""
}

// unreadable says why a statement is not looked at whatever its menu is.
func (im *importer) unreadable(s *script.Statement) string {
	switch {
	case strings.HasPrefix(s.Verb, ":"):
		return "commands of the scripting language are not run"
	case s.Verb == "print" || s.Verb == "export" || s.Verb == "find" || s.Verb == "get" || s.Verb == "monitor" || s.Verb == "ping":
		return "it changes nothing"
	case s.Verb != "add" && s.Verb != "set":
		return "of commands only add and set are read"
	}
	for _, a := range s.Args {
		if a.HasValue && a.Computed && a.Name != "comment" {
			return fmt.Sprintf("the value of %s is computed when the script runs: %s", a.Name, clip(a.Value, 40))
		}
	}
	if s.Flag("disabled") {
		return "it is disabled"
	}
	return ""
}
