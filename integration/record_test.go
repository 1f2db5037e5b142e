package integration

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ecmpd/ecmpd/api"
)

// TestRecord records adjacencies with BIRD on a LAN and FRR behind a link from start to SIGTERM; run again,
// the recording shows the same without any difference, and ends with the neighbours and routes that
// the daemon had.
func TestRecord(t *testing.T) {
	t.Parallel()
	n := newNetwork(t)
	n.wire("ecmpd:eth0 10.1.0.1/24", "bird:eth0 10.1.0.2/24")
	n.wire("ecmpd:eth1 10.2.0.1/30", "frr:eth0 10.2.0.2/30")
	n.wire("bird:net 172.16.1.1/24", "host1:eth0")
	n.seat("bird", "bird", seat{id: "10.255.0.2", ports: []port{{name: "eth0", lan: true, priority: 1}, {name: "net", passive: true}}})
	n.seat("frr", "frr", seat{id: "10.255.0.3", ports: []port{{name: "eth0"}}, externals: []external{{prefix: "198.51.100.0/24", metric: 7, tag: 9}}})
	n.seat("ecmpd", "ecmpd", seat{id: "10.255.0.1", ports: []port{{name: "eth0", lan: true, priority: 2}, {name: "eth1"}}})
	e := n.ecmpd("ecmpd")
	n.must(e.Stop(n.ctx))

	file := filepath.Join(e.Node().Dir(), "recording")
	p, err := e.Node().Start("recorded", binary, "run", "--config", e.ConfigFile(), "--socket", e.Socket(),
		"--state-dir", filepath.Join(e.Node().Dir(), "state"), "--record", file)
	n.must(err)
	n.run("ecmpd", binary, "wait", "--timeout", testTime.String(), "--socket", e.Socket(), "neighbor=full:2", "route=172.16.1.0/24:1", "route=198.51.100.0/24:1")
	lsas := n.run("ecmpd", binary, "show", "ospf", "database", "router", "10.255.0.2", "--socket", e.Socket())
	if !strings.Contains(lsas, "type transit, linkId 10.1.0.") {
		t.Errorf("the router-LSA of BIRD is\n%s", lsas)
	}
	// The end of what the start set going: the same databases, and everything calculated from them.
	n.waitSame("ecmpd", "bird", "frr")
	lived, since := n.lived(), time.Now()
	n.wait("neighbours and routes at rest", func() (bool, string) {
		if now := n.lived(); now != lived {
			lived, since = now, time.Now()
		}
		return time.Since(since) > 2*time.Second, lived
	})
	n.must(p.Stop(n.ctx))
	out := n.run("ecmpd", binary, "replay", file)
	for _, want := range []string{"neighbour 10.255.0.2 on eth0: ", "neighbour 10.255.0.3 on eth1: ", " to Full", "order: shutdown"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is missing in the replay:\n%s", want, out)
		}
	}
	if replayed := n.replayed(file); replayed != lived {
		t.Errorf("the daemon had%s\nand the replay ends with%s", lived, replayed)
	}
	if out, err := e.Node().Run(n.ctx, binary, "run", "--config", e.ConfigFile(), "--socket", e.Socket(), "--record", file); err == nil || !strings.Contains(err.Error()+out, "file exists") {
		t.Errorf("a recording is overwritten: %v\n%s", err, out)
	}
}

// lived are the neighbours and routes of ecmpd, one a line.
func (n *network) lived() string {
	n.t.Helper()
	var neighbors api.Neighbors
	var found api.Routes
	for arg, body := range map[string]any{"neighbor": &neighbors, "route": &found} {
		n.must(json.Unmarshal([]byte(n.run("ecmpd", binary, "show", "ospf", arg, "-o", "json", "--socket", n.ecmpd("ecmpd").Socket())), body))
	}
	var lines []string
	for _, nb := range neighbors.Neighbors {
		lines = append(lines, fmt.Sprintf("\n  %s %s %s", nb.RouterID, nb.Interface, nb.State))
	}
	for _, r := range found.Routes {
		line := fmt.Sprintf("\n  %s %s %d", r.Prefix, r.Type, r.Cost)
		for _, h := range r.NextHops {
			line += " " + strings.TrimSpace(h.Via+" "+h.Interface)
		}
		lines = append(lines, line)
	}
	slices.Sort(lines)
	return strings.Join(lines, "")
}

// replayed is what lived says, as a recording has it just before the daemon leaves.
func (n *network) replayed(file string) string {
	n.t.Helper()
	type event struct {
		AfterMsec int64
		Text      string
	}
	var body struct {
		Events    []event
		Neighbors []struct{ RouterID, Interface, State string }
		Routes    []struct {
			Prefix, Type string
			Cost         uint32
			NextHops     []string
		}
	}
	args := []string{binary, "replay", file, "-o", "json"}
	n.must(json.Unmarshal([]byte(n.run("ecmpd", args...)), &body))
	end := slices.IndexFunc(body.Events, func(ev event) bool { return ev.Text == "order: shutdown" })
	until := fmt.Sprintf("%dms", body.Events[end].AfterMsec-1)
	n.must(json.Unmarshal([]byte(n.run("ecmpd", append(args, "--until", until)...)), &body))
	var lines []string
	for _, nb := range body.Neighbors {
		lines = append(lines, fmt.Sprintf("\n  %s %s %s", nb.RouterID, nb.Interface, nb.State))
	}
	for _, r := range body.Routes {
		lines = append(lines, fmt.Sprintf("\n  %s %s %d %s", r.Prefix, r.Type, r.Cost, strings.Join(r.NextHops, " ")))
	}
	slices.Sort(lines)
	return strings.Join(lines, "")
}
