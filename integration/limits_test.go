package integration

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/ecmpd/ecmpd/api"
	"github.com/ecmpd/ecmpd/ospf/packet"
)

// TestOverflow has FRR and BIRD announce more externals than ecmpd may hold (RFC 1765): adjacencies stay, ecmpd takes
// its own externals back and says what is wrong. A reload with a higher limit brings everything, at once.
func TestOverflow(t *testing.T) {
	const count, limit = 60, 20
	for _, maker := range []string{"frr", "bird"} {
		t.Run(maker, func(t *testing.T) {
			t.Parallel()
			n := newNetwork(t)
			n.wire("ecmpd:eth0 10.1.0.1/30", "other:eth0 10.1.0.2/30")
			text := func(limit int) string {
				return fmt.Sprintf("  database-control: {max-external-lsa: %d, exit-overflow-interval: 1h}\n", limit)
			}
			ours := seat{id: "10.255.0.1", ports: []port{{name: "eth0"}}, externals: []external{{prefix: "172.20.0.0/24", metric: 20}, {prefix: "172.20.1.0/24", metric: 20}}}
			theirs := seat{id: "10.255.0.2", ports: []port{{name: "eth0"}}}
			for i := range count {
				theirs.externals = append(theirs.externals, external{prefix: fmt.Sprintf("172.21.%d.0/24", i), metric: 20})
			}
			ours.text = text(limit)
			n.seat("ecmpd", "ecmpd", ours)
			n.seat(maker, "other", theirs)
			n.full(1, "ecmpd", "other")
			n.wait("ecmpd is full and takes its own externals back", func() (bool, string) {
				body, err := show[api.Database](n, "ecmpd", "ospf", "database")
				if err != nil {
					return false, err.Error()
				}
				there, err := n.routers["other"].Database(n.ctx)
				for _, l := range there {
					if packet.LSType(l.Type) == packet.LSExternal && l.AdvertisingRouter == netip.MustParseAddr(ours.id) {
						return false, "the other one still has " + fmt.Sprint(l)
					}
				}
				l := body.Limits
				return err == nil && l.Overflow && l.Externals == limit && len(there) >= count, fmt.Sprintf("%+v, %d LSAs there, %v", l, len(there), err)
			})
			shown, err := n.ecmpd("ecmpd").Show(n.ctx, "ospf", "database")
			if n.must(err); !strings.Contains(shown, "Own externals are taken back") || !strings.Contains(shown, "AS is full") {
				t.Errorf("show ospf database:\n%s", shown)
			}
			before := n.changes("ecmpd")
			ours.text = text(1000)
			n.must(n.ecmpd("ecmpd").Reload(ours.ecmpd()))
			start := time.Now()
			n.wait("all externals on both", func() (bool, string) {
				here, err := n.kernel("ecmpd")
				there, _ := n.kernel("other")
				_, ok := there[netip.MustParsePrefix("172.20.1.0/24")]
				return err == nil && len(here) >= count && ok, fmt.Sprintf("%d routes, %d there, %v", len(here), len(there), err)
			})
			t.Logf("complete %s after the reload", time.Since(start).Round(100*time.Millisecond))
			if after := n.changes("ecmpd"); after != before {
				t.Errorf("%d changes of the neighbour", after-before)
			}
			n.full(1, "ecmpd", "other")
		})
	}
}
