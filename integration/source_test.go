package integration

import (
	"strings"
	"testing"
)

// TestSource pings from branch-1 itself. With a tunnel's address as source an
// answer comes back through one hub only; kernel.source gives packets an
// address that both hubs know the way to.
func TestSource(t *testing.T) {
	t.Parallel()
	n := startTwoHubs(t, "twohubs-ecmpd", func(node, config string) string {
		return config + "\nkernel: {source: auto}\n"
	})
	n.converge()
	n.wait("the route's source is the LAN address", func() (bool, string) {
		out := n.run("branch-1", "ip", "route", "show", lan2.String())
		return strings.Contains(out, "src 10.10.1.1"), out
	})
	out := n.run("branch-1", "ping", "-c", "5", "-i", "0.1", "-W", "2", "10.10.2.10")
	if !strings.Contains(out, " 0% packet loss") {
		t.Error(out)
	}
	if got := n.run("branch-1", "ip", "route", "get", "10.10.2.10"); !strings.Contains(got, "src 10.10.1.1") {
		t.Errorf("own packets leave with %s", got)
	}
}
