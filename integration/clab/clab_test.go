package clab_test

import (
	"context"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ecmpd/ecmpd/integration/clab"
	"github.com/ecmpd/ecmpd/lab"
	"github.com/ecmpd/ecmpd/lab/peer"
)

func TestLoadTheProjectsTopologies(t *testing.T) {
	files, err := filepath.Glob("../labs/*.clab.yml")
	if err != nil || len(files) < 7 {
		t.Fatalf("found %v, %v", files, err)
	}
	for _, file := range files {
		f, err := clab.Load(file)
		if err != nil {
			t.Error(err)
			continue
		}
		if f.Name+".clab.yml" != filepath.Base(file) {
			t.Errorf("%s is named %s", file, f.Name)
		}
		for _, n := range f.Nodes {
			if n.Kind != "bridge" && clab.Images("")[n.Image] == nil {
				t.Errorf("%s: node %s has unknown image %q", file, n.Name, n.Image)
			}
		}
	}
}

func write(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "x.clab.yml")
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

const good = `name: x
prefix: __lab-name
topology:
  defaults:
    kind: linux
    env: {A: 1}
    sysctls: {net.ipv4.ip_forward: 0}
  kinds:
    linux: {image: host}
  nodes:
    b: {image: other, exec: [ip link], sysctls: {net.ipv4.ip_forward: 1}, binds: ["x.clab.yml:/etc/x:ro"]}
    a: {env: {B: two}}
  links:
    - endpoints: ["a:eth1", "b:eth1"]
    - endpoints: ["a:eth2", "b:eth2"]
      mtu: 1300
`

func TestLoadAppliesDefaults(t *testing.T) {
	path := write(t, good)
	f, err := clab.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	a, b := f.Nodes[0], f.Nodes[1]
	if a.Name != "a" || a.Image != "host" || a.Env["A"] != "1" || a.Env["B"] != "two" || a.Sysctls["net.ipv4.ip_forward"] != "0" {
		t.Errorf("a: %+v", a)
	}
	if b.Image != "other" || b.Binds["/etc/x"] != path || b.Sysctls["net.ipv4.ip_forward"] != "1" || len(b.Exec) != 1 {
		t.Errorf("b: %+v", b)
	}
	want := []clab.Link{
		{A: clab.Endpoint{Node: "a", Interface: "eth1"}, B: clab.Endpoint{Node: "b", Interface: "eth1"}, MTU: 9500},
		{A: clab.Endpoint{Node: "a", Interface: "eth2"}, B: clab.Endpoint{Node: "b", Interface: "eth2"}, MTU: 1300},
	}
	if f.Prefix != "" || !slices.Equal(f.Links, want) {
		t.Errorf("prefix %q, links %+v", f.Prefix, f.Links)
	}
}

func TestLoadRefuses(t *testing.T) {
	for name, c := range map[string]struct{ old, new, want string }{
		"unknown key of the file":     {"name: x", "name: x\nmgmt: {}", "[2:1] unknown field \"mgmt\""},
		"unknown key of a node":       {"env: {B: two}", "env: {B: two}, ports: [1]", "[12:24] unknown field \"ports\""},
		"unknown key of a link":       {"mtu: 1300", "vars: {}", "unknown field \"vars\""},
		"unknown kind":                {"a: {", "a: {kind: srl, ", ":12: node a: kind \"srl\""},
		"management network":          {"a: {", "a: {network-mode: host, ", "network-mode \"host\""},
		"missing bind":                {"x.clab.yml:/etc/x", "nofile:/etc/x", "nofile"},
		"malformed bind":              {":/etc/x:ro", "", "write file:path"},
		"endpoint of no node":         {`"a:eth2"`, `"c:eth2"`, ":15: endpoint \"c:eth2\": there is no node c"},
		"endpoint without interface":  {`"a:eth2"`, `"a"`, "write node:interface"},
		"endpoint used twice":         {`"a:eth2"`, `"a:eth1"`, "used by an earlier link"},
		"three endpoints":             {`"b:eth2"]`, `"b:eth2", "a:eth3"]`, "has 3 endpoints"},
		"no name":                     {"name: x\n", "", "no name"},
		"interface name too long":     {`"a:eth2"`, `"a:eth2345678901234"`, "at most 15"},
		"a list in the place of text": {"image: other", "image: [other]", "12"},
	} {
		t.Run(name, func(t *testing.T) {
			if !strings.Contains(good, c.old) {
				t.Fatalf("%q is not in the file", c.old)
			}
			_, err := clab.Load(write(t, strings.Replace(good, c.old, c.new, 1)))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
		})
	}
}

func build(ctx context.Context, t *testing.T, file string) *clab.Lab {
	t.Helper()
	f, err := clab.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	l, err := clab.Build(ctx, f, clab.Options{Tag: "ec-clab", Images: clab.Images("")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

// TestBuildTwoHubs builds the network without ecmpd: FRR and BIRD in all
// seats, stateful hubs, untracking by hand.
func TestBuildTwoHubs(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 40*time.Second)
	defer cancel()
	l := build(ctx, t, "../labs/twohubs-foreign.clab.yml")
	if l.Seats["hub-a"] != "frr:8.4" || l.Seats["hub-b"] != "bird:2" || len(l.Routers) != 4 {
		t.Fatalf("seats %v", l.Seats)
	}
	lan1, lan2 := netip.MustParsePrefix("10.10.1.0/24"), netip.MustParsePrefix("10.10.2.0/24")
	for name, routes := range map[string]map[netip.Prefix]int{
		"hub-a": {lan1: 1, lan2: 1}, "hub-b": {lan1: 1, lan2: 1}, "branch-1": {lan2: 2}, "branch-2": {lan1: 2},
	} {
		if err := peer.Wait(ctx, l.Routers[name], 2, routes); err != nil {
			t.Fatal(err)
		}
	}
	at := netip.MustParseAddrPort("10.10.2.10:7")
	echo, err := l.Node("host-2").Echo(at)
	if err != nil {
		t.Fatal(err)
	}
	defer echo.Close()
	load := lab.Load{From: l.Node("host-1"), To: at, Count: 100, FirstPort: 20000, Payload: 20_000, Timeout: 3 * time.Second}
	result, err := load.Run(ctx)
	if err != nil || result.Failed() > 0 {
		t.Errorf("%d of 100 connections failed, the first with %v; %v", result.Failed(), result.FirstError(), err)
	}
	for _, hub := range []string{"hub-a", "hub-b"} {
		if c, err := l.Node(hub).Counters("vpn1"); err != nil || c.RxPackets < 100 {
			t.Errorf("%s carried %+v, %v", hub, c, err)
		}
		out, err := l.Node(hub).Run(ctx, "conntrack", "-L")
		if err != nil || strings.Contains(out, "10.10.2.10") {
			t.Errorf("%s tracks transit traffic: %s, %v", hub, out, err)
		}
	}
}

// TestBuildLAN builds the bridge with five routers that are not ecmpd.
func TestBuildLAN(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	l := build(ctx, t, "../labs/lan5-foreign.clab.yml")
	err := lab.Wait(ctx, "DR and Backup as elected", func() (bool, string) {
		list, err := l.Routers["r1"].Neighbors(ctx)
		if err != nil {
			return false, err.Error()
		}
		var state []string
		for _, n := range list {
			state = append(state, n.RouterID.String()+" "+n.Role+" "+n.State)
		}
		got := strings.Join(state, ", ")
		return got == "10.255.1.2 DR Full, 10.255.1.3 DROther 2-Way, 10.255.1.4 Backup Full, 10.255.1.5 DROther 2-Way", got
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := peer.Wait(ctx, l.Routers["r5"], 2, map[netip.Prefix]int{netip.MustParsePrefix("10.255.1.1/32"): 1}); err != nil {
		t.Error(err)
	}
}

func TestBuildFailsClean(t *testing.T) {
	for name, c := range map[string]struct{ old, new, want string }{
		"unknown image": {"image: other", "image: other", `image "other" is unknown`},
		"exec fails":    {"exec: [ip link]", "exec: [ip link show dev nowhere]", "nowhere"},
		"open quote":    {"exec: [ip link]", `exec: ["ip 'link"]`, "not closed"},
		"sysctl":        {"sysctls: {net.ipv4.ip_forward: 1}", "sysctls: {net.ipv4.no_such: 1}", "net.ipv4.no_such"},
	} {
		t.Run(name, func(t *testing.T) {
			f, err := clab.Load(write(t, strings.Replace(good, c.old, c.new, 1)))
			if err != nil {
				t.Fatal(err)
			}
			_, err = clab.Build(t.Context(), f, clab.Options{Tag: "ec-clab-bad", Images: clab.Images("")})
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
			if left, _ := filepath.Glob("/run/netns/ec-clab-bad-*"); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

func TestExecKnowsBindsAndEnvironment(t *testing.T) {
	text := strings.Replace(good, "exec: [ip link]", `exec: ["sh -c 'test \"$A\" = 1 && test -f \"$0\"' /etc/x"]`, 1)
	f, err := clab.Load(write(t, strings.Replace(text, "image: other", "image: host", 1)))
	if err != nil {
		t.Fatal(err)
	}
	l, err := clab.Build(t.Context(), f, clab.Options{Tag: "ec-clab", Images: clab.Images("")})
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
}
