package integration

import (
	"strings"
	"testing"
)

// TestDrain takes hub-a out of service by command while traffic runs, and back:
// the branches, whatever their make, move over and back, and nothing is lost.
func TestDrain(t *testing.T) {
	t.Parallel()
	for _, seats := range []string{"twohubs-ecmpd", "twohubs-hubs-ecmpd-branches-frr", "twohubs-hubs-ecmpd-branches-bird"} {
		t.Run(seats, func(t *testing.T) {
			t.Parallel()
			n := startTwoHubs(t, seats, nil)
			n.converge()
			tr := n.startTraffic()
			order := func(command string) {
				t.Helper()
				out := n.run("hub-a", binary, command, "--socket", n.ecmpd("hub-a").Socket())
				if !strings.HasPrefix(out, command+"ed: every adjacent router knows") {
					t.Errorf("%s says %q", command, out)
				}
			}
			order("drain")
			n.turnedAway()
			if s := n.status("hub-a").OSPF.StubRouter; !s.Active || !s.Drained {
				t.Errorf("hub-a is %+v", s)
			}
			carried := n.allSucceed(100)
			if carried[0] > carried[1]/20 { // hellos count, too
				t.Errorf("hub-a carried %d packets although drained, hub-b %d", carried[0], carried[1])
			}
			order("undrain")
			n.converge()
			tr.nothingLost("drain and undrain of hub-a")
		})
	}
}
