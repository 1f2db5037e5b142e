package routeros

import (
	"net/netip"

	"github.com/ecmpd/ecmpd/routeros/script"
)

// table is one of /routing table.
type table struct {
	i    int
	at   script.Pos
	name string
	fib  bool
}

// routingRule is one of /ip route rule or /routing rule.
type routingRule struct {
	i        int
	at       script.Pos   // of the table's name, or of the rule
	src, dst netip.Prefix // the zero Prefix when it matches any
	link     string
	mark     string
	action   string
	table    string
}

func (im *importer) readTable(i int, s *script.Statement) {
	a, ok := s.Arg("name")
	if !ok || a.Value == "" {
		im.skip(i, "name has no value")
		return
	}
	if !im.full(i, len(im.tables), maxTables, "tables") {
		im.tables = append(im.tables, table{i, a.At, a.Value, s.Flag("fib")})
	}
}

func (im *importer) readRoutingRule(i int, s *script.Statement) {
	if name, yes := missing(s, "src-address", "dst-address", "routing-mark", "interface", "table"); yes {
		im.skip(i, "%s has no value", name)
		return
	}
	r := routingRule{i: i, at: s.Pos, link: s.Value("interface"), mark: s.Value("routing-mark"), action: s.Value("action"), table: s.Value("table")}
	if a, ok := s.Arg("table"); ok {
		r.at = a.At
	}
	if r.action == "" {
		r.action = "lookup"
	}
	if !im.full(i, len(im.policies), maxTables, "routing rules") &&
		im.readNetwork(i, s, "src-address", &r.src) && im.readNetwork(i, s, "dst-address", &r.dst) {
		im.policies = append(im.policies, r)
	}
}

// readNetwork reads a prefix that may be left out; false when it is not valid.
func (im *importer) readNetwork(i int, s *script.Statement, name string, p *netip.Prefix) bool {
	a, ok := s.Arg(name)
	if !ok {
		return true
	}
	network, valid := parsePrefix(a.Value)
	if !valid {
		im.find(a.At, InvalidValue, "%s=%s is no IPv4 prefix", name, clip(a.Value, 40))
		im.skip(i, "%s is not valid", name)
		return false
	}
	*p = network.Masked()
	return true
}
