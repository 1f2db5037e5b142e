package integration

import (
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestRecord records an adjacency with BIRD from start to SIGTERM; run again,
// the recording shows the same without any difference, and the BIRD that it met.
func TestRecord(t *testing.T) {
	t.Parallel()
	n := newNetwork(t, 40*time.Second)
	n.wire("ecmpd:eth0 10.1.0.1/24", "other:eth0 10.1.0.2/24")
	n.seat("bird", "other", seat{id: "10.255.0.2", ports: []port{{name: "eth0"}}})
	n.seat("ecmpd", "ecmpd", seat{id: "10.255.0.1", ports: []port{{name: "eth0"}}})
	e := n.ecmpd("ecmpd")
	n.must(e.Stop(n.ctx))

	file := filepath.Join(e.Node().Dir(), "recording")
	p, err := e.Node().Start("recorded", binary, "run", "--config", e.ConfigFile(), "--socket", e.Socket(),
		"--state-dir", filepath.Join(e.Node().Dir(), "state"), "--record", file)
	n.must(err)
	n.run("ecmpd", binary, "wait", "--socket", e.Socket(), "neighbor=full:1")
	lsas := n.run("ecmpd", binary, "show", "ospf", "database", "router", "10.255.0.2", "--socket", e.Socket())
	if !strings.Contains(lsas, "type stub, linkId 10.1.0.0, linkData 255.255.255.0, metric 10") {
		t.Errorf("the router-LSA of BIRD is\n%s", lsas)
	}
	n.must(p.Stop(n.ctx))

	out := n.run("ecmpd", binary, "replay", file)
	for _, want := range []string{"neighbour 10.255.0.2 on eth0: Loading to Full", "order: shutdown"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is missing in the replay:\n%s", want, out)
		}
	}
	if out, err := e.Node().Run(n.ctx, binary, "run", "--config", e.ConfigFile(), "--socket", e.Socket(), "--record", file); err == nil || !strings.Contains(err.Error()+out, "file exists") {
		t.Errorf("a recording is overwritten: %v\n%s", err, out)
	}
}
