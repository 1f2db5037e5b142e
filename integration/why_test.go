package integration

import (
	"cmp"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"github.com/ecmpd/ecmpd/api"
)

// TestWhy puts ecmpd and another make on one link with something wrong: no
// adjacency comes, and ecmpd says why.
func TestWhy(t *testing.T) {
	for _, c := range []struct {
		name  string
		id    string // of the other; 10.255.0.2 when empty
		lan   bool
		other port
		mixed bool           // the other end has the other network type
		wire  func(*network) // what is wrong with the link
		state string
		why   string // regular expression
	}{
		{name: "hello interval", other: port{hello: 2, dead: 4}, state: "Down", why: `hello.?interval.*2.*1`},
		{name: "dead interval", other: port{dead: 8}, state: "Down", why: `dead.?interval.*8.*4`},
		{name: "area", other: port{area: "0.0.0.1"}, state: "Down", why: `area.*0\.0\.0\.1.*0\.0\.0\.0`},
		{name: "duplicate router id", id: "10.255.0.1", state: "Down", why: `router.?id`},
		{name: "mask", lan: true, state: "Down", why: `mask`, wire: func(n *network) {
			n.ip("other", "address del 10.1.0.2/24 dev eth0")
			n.ip("other", "address add 10.1.0.2/25 dev eth0")
		}},
		{name: "mtu larger", state: "ExStart", why: `(?i)mtu.*1500.*1400`, wire: func(n *network) {
			n.ip("ecmpd", "link set eth0 mtu 1400")
		}},
		{name: "mtu smaller", state: "Ex", why: `(?i)mtu.*1400.*1500`, wire: func(n *network) {
			n.ip("other", "link set eth0 mtu 1400")
		}},
		{name: "broadcast at the other end", mixed: true, state: "Full", why: `network type.*elects a DR`},
		{name: "point-to-point at the other end", lan: true, mixed: true, state: "Full", why: `network type.*knows no DR`},
		{name: "one way", state: "Init", why: `one.?way|does not (hear|list|see)`, wire: func(n *network) {
			n.must(n.Node("other").Firewall(n.ctx, "table ip x { chain y { type filter hook input priority 0; ip protocol ospf drop\n}\n}"))
		}},
	} {
		for _, maker := range []string{"frr", "bird"} {
			t.Run(strings.ReplaceAll(c.name, " ", "-")+"-"+maker, func(t *testing.T) {
				t.Parallel()
				n := newNetwork(t)
				n.wire("ecmpd:eth0 10.1.0.1/24", "other:eth0 10.1.0.2/24")
				if c.wire != nil {
					c.wire(n)
				}
				own, other := port{name: "eth0", lan: c.lan, priority: 1}, c.other
				other.name, other.lan, other.priority = "eth0", c.lan != c.mixed, 1
				n.seat("ecmpd", "ecmpd", seat{id: "10.255.0.1", ports: []port{own}})
				n.seat(maker, "other", seat{id: cmp.Or(c.id, "10.255.0.2"), ports: []port{other}})
				why := regexp.MustCompile(c.why)
				n.wait("the reason why there is no adjacency", func() (bool, string) {
					body, err := show[api.Neighbors](n, "ecmpd", "ospf", "neighbor")
					if err != nil {
						return false, err.Error()
					}
					for _, nb := range body.Neighbors {
						if nb.Address == "10.1.0.2" && strings.HasPrefix(nb.State, c.state) && why.MatchString(nb.Why) {
							t.Logf("%s: %s", nb.State, nb.Why)
							return true, ""
						}
					}
					return false, fmt.Sprintf("%+v", body.Neighbors)
				})
			})
		}
	}
}
