package integration

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/ecmpd/ecmpd/api"
	"github.com/ecmpd/ecmpd/lab/peer"
)

// ospfTable is what an OSPF router calculated, as it says itself: prefix → "type cost" of each
// route, such as "intra-area 20" or "external-2 10/100". Externals of an NSSA count as others.
type ospfTable map[netip.Prefix]string

// String lists the routes by prefix.
func (t ospfTable) String() string {
	var b strings.Builder
	for _, p := range slices.SortedFunc(maps.Keys(t), netip.Prefix.Compare) {
		fmt.Fprintf(&b, "\n  %s %s", p, t[p])
	}
	return b.String()
}

// ospfTable asks the router of a node, of whatever make.
func (n *network) ospfTable(node string) (ospfTable, error) {
	switch r := n.routers[node].(type) {
	case *peer.Ecmpd:
		body, err := show[api.Routes](n, node, "ospf", "route")
		return ecmpdTable(body), err
	case *peer.FRR:
		out, err := r.Show(n.ctx, "show ip ospf route json")
		if err != nil {
			return nil, err
		}
		return frrTable(out)
	case *peer.BIRD:
		out, err := r.Show(n.ctx, "show route")
		if err != nil {
			return nil, err
		}
		return birdTable(out)
	}
	return nil, fmt.Errorf("%s is of no known make", node)
}

func ecmpdTable(body api.Routes) ospfTable {
	t := ospfTable{}
	for _, r := range body.Routes {
		kind := strings.Replace(r.Type, "nssa-", "external-", 1)
		cost := strconv.Itoa(int(r.Cost))
		if kind == "external-2" {
			cost = fmt.Sprintf("%d/%d", r.Cost, r.Type2Cost)
		}
		if kind != "discard" {
			t[netip.MustParsePrefix(r.Prefix)] = kind + " " + cost
		}
	}
	return t
}

// frrTable reads "show ip ospf route json", in which routers stand among networks.
func frrTable(out string) (ospfTable, error) {
	var body map[string]json.RawMessage
	if err := json.Unmarshal([]byte(out), &body); err != nil {
		return nil, fmt.Errorf("%w: %s", err, out)
	}
	kinds := map[string]string{"N": "intra-area", "N IA": "inter-area", "N E1": "external-1", "N E2": "external-2"}
	t := ospfTable{}
	for key, raw := range body {
		var r struct {
			RouteType string `json:"routeType"`
			Cost      int    `json:"cost"`
			Type2     int    `json:"type2cost"`
		}
		p, err := netip.ParsePrefix(key)
		if err != nil || json.Unmarshal(raw, &r) != nil {
			continue
		}
		if kind := kinds[strings.TrimSpace(r.RouteType)]; kind == "external-2" {
			t[p] = fmt.Sprintf("%s %d/%d", kind, r.Cost, r.Type2)
		} else if kind != "" {
			t[p] = fmt.Sprintf("%s %d", kind, r.Cost)
		}
	}
	return t, nil
}

// birdRoute is a line such as "10.1.0.0/30  unicast [ospf1 22:51:04.123] * I (150/20) [10.255.0.1]". Externals of type 2
// have both costs; BIRD counts the cost to the AS boundary router first.
var birdRoute = regexp.MustCompile(`^(\S+/\d+) .*\[ospf1 .*\] [*! ]*(I|IA|E1|E2) \(\d+/(\d+)(?:/(\d+))?\)`)

func birdTable(out string) (ospfTable, error) {
	kinds := map[string]string{"I": "intra-area", "IA": "inter-area", "E1": "external-1", "E2": "external-2"}
	t := ospfTable{}
	for line := range strings.Lines(out) {
		m := birdRoute.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		p, err := netip.ParsePrefix(m[1])
		if err != nil {
			return nil, err
		}
		cost := m[3]
		if m[4] != "" {
			cost += "/" + m[4]
		}
		t[p] = kinds[m[2]] + " " + cost
	}
	return t, nil
}

// without leaves out what is not to be compared.
func (t ospfTable) without(skip []string) ospfTable {
	t = maps.Clone(t)
	for _, s := range skip {
		delete(t, netip.MustParsePrefix(s))
	}
	return t
}
