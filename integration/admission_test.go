package integration

import (
	"fmt"
	"strings"
	"testing"

	"github.com/ecmpd/ecmpd/api"
)

// TestTTLSecurity protects the link with RFC 5082 on both ends; when the other end
// does without, ecmpd says so.
func TestTTLSecurity(t *testing.T) {
	const on = ", ttl-security: {enabled: true}"
	for name, c := range map[string]struct {
		maker, text string
		full        bool
	}{
		"bird": {"bird", "ttl security on; ", true}, "ecmpd": {"ecmpd", on, true}, "frr without": {"frr", "", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := newNetwork(t)
			n.wire("ecmpd:eth0 10.1.0.1/30", "other:eth0 10.1.0.2/30")
			n.seat("ecmpd", "ecmpd", seat{id: "10.255.0.1", ports: []port{{name: "eth0", text: on}}})
			n.seat(c.maker, "other", seat{id: "10.255.0.2", ports: []port{{name: "eth0", text: c.text}}})
			if c.full {
				n.full(1, "ecmpd", "other")
				return
			}
			n.wait("the reason why there is no adjacency", func() (bool, string) {
				body, err := show[api.Neighbors](n, "ecmpd", "ospf", "neighbor")
				if err != nil || len(body.Neighbors) == 0 {
					return false, fmt.Sprint(err)
				}
				return strings.Contains(body.Neighbors[0].Why, "ttl-security wants 255"), fmt.Sprintf("%+v", body.Neighbors)
			})
		})
	}
}
