package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/ecmpd/ecmpd/api"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// asMain makes the test binary behave as ecmpd itself.
const asMain = "ECMPD_TEST_AS_MAIN"

func TestMain(m *testing.M) {
	if os.Getenv(asMain) != "" {
		main()
	}
	os.Exit(m.Run())
}

// ecmpd runs the program with args in a process of its own.
func ecmpd(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(ctx, self, args...)
	cmd.Env = append(os.Environ(), asMain+"=1")
	var out, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errOut
	err = cmd.Run()
	if exit := new(exec.ExitError); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), out.String(), errOut.String()
}

// router is a daemon whose answers a test sets.
type router struct {
	mu sync.Mutex
	state
}

type state struct {
	neighbors     []api.Neighbor
	interfaces    []api.Interface
	database      api.Database
	routes        []api.Route
	borders       []api.BorderRouter
	groups        []api.Group
	transit       api.Transit
	wan           api.WAN
	bfd           []api.BFDSession
	bgp           api.BGP
	paths         []api.BGPPath
	announcements []api.BGPAnnouncement
	symmetry      api.Symmetry
	status        api.Status
	explain       api.Explain
	doctor        api.Doctor
	plan          api.Plan
	events        []api.Event
	spf           api.SPF
	graph         api.Graph
	err           error
}

func (r *router) set(change func(*state)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	change(&r.state)
}

func (r *router) get() state {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.state
}

func (r *router) Neighbors(context.Context) ([]api.Neighbor, error) {
	s := r.get()
	return s.neighbors, s.err
}
func (r *router) Interfaces(context.Context) ([]api.Interface, error) {
	s := r.get()
	return s.interfaces, s.err
}
func (r *router) Database(context.Context) (api.Database, error) {
	s := r.get()
	return s.database, s.err
}
func (r *router) OSPFRoutes(context.Context) ([]api.Route, error) {
	s := r.get()
	return s.routes, s.err
}
func (r *router) BorderRouters(context.Context) ([]api.BorderRouter, error) {
	s := r.get()
	return s.borders, s.err
}
func (r *router) Routes(context.Context) ([]api.Route, error)  { s := r.get(); return s.routes, s.err }
func (r *router) Groups(context.Context) ([]api.Group, error)  { s := r.get(); return s.groups, s.err }
func (r *router) Transit(context.Context) (api.Transit, error) { s := r.get(); return s.transit, s.err }
func (r *router) WAN(context.Context) (api.WAN, error)         { s := r.get(); return s.wan, s.err }
func (r *router) DisableUplink(_ context.Context, name string, _ bool) error {
	if name != "isp-a" {
		return fmt.Errorf("uplink %s: %w", name, api.ErrNotFound)
	}
	return nil
}
func (r *router) BGP(context.Context) (api.BGP, error) { s := r.get(); return s.bgp, s.err }
func (r *router) BGPPaths(context.Context, netip.Prefix) ([]api.BGPPath, error) {
	s := r.get()
	return s.paths, s.err
}
func (r *router) BGPAnnouncements(context.Context, netip.Addr, netip.Prefix) ([]api.BGPAnnouncement, error) {
	s := r.get()
	return s.announcements, s.err
}
func (r *router) BFD(context.Context) (api.BFDSessions, error) {
	s := r.get()
	return api.BFDSessions{Sessions: s.bfd}, s.err
}
func (r *router) Memory(context.Context) (api.Memory, error) {
	s := r.get()
	return exampleMemory, s.err
}
func (r *router) Status(context.Context) (api.Status, error) { s := r.get(); return s.status, s.err }
func (r *router) Doctor(context.Context) (api.Doctor, error) { s := r.get(); return s.doctor, s.err }
func (r *router) Explain(_ context.Context, q api.ExplainQuery) (api.Explain, error) {
	s := r.get()
	s.explain.Forward.Source, s.explain.Forward.Destination = q.Source.String(), q.Destination.String()
	return s.explain, s.err
}
func (r *router) Symmetry(context.Context, netip.Addr) (api.Symmetry, error) {
	s := r.get()
	return s.symmetry, s.err
}

func (r *router) Hostnames(context.Context) ([]api.Hostname, error) {
	return []api.Hostname{{RouterID: "10.255.0.1", Hostname: "hub-a"}}, r.get().err
}
func (r *router) LSAs(_ context.Context, q api.LSAQuery) ([]api.LSADetail, error) {
	if q.LinkStateID.IsValid() {
		return nil, r.get().err
	}
	const network = "000102020a000001" + "0aff000180000001" + "8dc50020ffffff00" + "0aff00010aff0002"
	return []api.LSADetail{{Area: "0.0.0.0", Raw: network, Contents: []byte(`{"type":"network"}`)}}, r.get().err
}
func (r *router) Events(_ context.Context, about netip.Addr) ([]api.Event, error) {
	s := r.get()
	return s.events, s.err
}
func (r *router) SPF(context.Context) (api.SPF, error)     { s := r.get(); return s.spf, s.err }
func (r *router) Graph(context.Context) (api.Graph, error) { s := r.get(); return s.graph, s.err }
func (r *router) Plan(context.Context, string, []byte) ([]api.Difference, error) {
	s := r.get()
	return s.plan.Differences, s.err
}
func (r *router) Reload(context.Context) error { return r.get().err }
func (r *router) Drain(_ context.Context, on bool) error {
	r.set(func(s *state) { s.status.OSPF.StubRouter.Active, s.status.OSPF.StubRouter.Drained = on, on })
	return r.get().err
}

// start makes r answer on socket until the test ends.
func (r *router) start(t *testing.T, socket string) {
	t.Helper()
	l, err := api.Listen(socket)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- api.Serve(ctx, l, r) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

func TestExitCodes(t *testing.T) {
	dir := t.TempDir()
	socket, sick, absent := filepath.Join(dir, "s"), filepath.Join(dir, "sick"), filepath.Join(dir, "absent")
	(&router{state: example}).start(t, socket)
	(&router{state: state{err: errors.New("the loop is on fire")}}).start(t, sick)
	healthy := filepath.Join(dir, "healthy")
	(&router{}).start(t, healthy)
	good, bad := filepath.Join(dir, "good.yaml"), filepath.Join(dir, "bad.yaml")
	if err := os.WriteFile(good, []byte("router-id: 10.0.0.1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(bad, []byte("router-id: 10.0.0.1\nbogus: 1\n"), 0o600); err != nil {
		t.Fatal(err)
	}

	for _, row := range []struct {
		args   string
		code   int
		stderr string
	}{
		{"show ospf neighbor --socket " + socket, 0, ""},
		{"reload --socket " + socket, 0, ""},
		{"reload --socket " + sick, 1, "on fire"},
		{"drain --timeout 0s --socket " + socket, 5, "not every adjacent router has acknowledged"},
		{"drain --socket " + absent, 3, "no daemon answers"},
		{"undrain now --socket " + socket, 2, "takes no argument"},
		{"show nexthop -o json --socket " + socket, 0, ""},
		{"wait neighbor=full:1 --timeout 5s --socket " + socket, 0, ""},
		{"explain 10.10.1.2 10.10.4.2 tcp 40000 443 --in vpn1 --sample 10 --socket " + socket, 0, ""},
		{"explain 10.10.1.2 10.10.4.2 -o json --socket " + socket, 0, ""},
		{"doctor --socket " + socket, 5, "1 of 2 findings is wrong"},
		{"doctor -o json --socket " + socket, 5, ""},
		{"doctor --socket " + healthy, 0, ""},
		{"doctor now", 2, "takes no argument"},
		{"doctor --socket " + absent, 3, absent},
		{"explain 10.10.1.2", 2, "1 arguments are none of that"},
		{"explain 10.10.1.2 fe80::1", 2, `"fe80::1" is no IPv4 address`},
		{"explain 10.10.1.2 10.10.4.2 tcpp", 2, "no IP protocol"},
		{"explain 10.10.1.2 10.10.4.2 tcp 70000 1", 2, `"70000" is no port`},
		{"explain 10.10.1.2 10.10.4.2 --sample 10001", 2, "up to 10000"},
		{"explain 10.10.1.2 10.10.4.2 --socket " + absent, 3, absent},
		{"version", 0, ""},
		{"show ospf --help", 0, ""},
		{"help show route", 0, ""},
		{"completion bash", 0, ""},
		{"show transit --socket " + sick, 1, "the loop is on fire"},
		{"check --config " + bad, 1, "bogus"},
		{"check --config " + absent, 1, absent},
		{"check -o json", 2, "--output belongs to --against-running"},
		{"check --against-running --config " + good + " --socket " + socket, 0, ""},
		{"check --against-running --config " + good + " --socket " + absent, 3, absent},
		{"check --against-running --config " + bad + " --socket " + socket, 1, "bogus"},
		{"", 2, "a command is missing"},
		{"show", 2, "a command is missing"},
		{"chek", 2, "did you mean check?"},
		{"c", 2, "check or cleanup"},
		{"show ospf nachbar", 2, `ecmpd show ospf has no command "nachbar"`},
		{"show transit now", 2, "now"},
		{"show route -o yaml", 2, "table or json"},
		{"show route 10.0.0.0/8 10.1.0.0/16", 2, "takes one argument, not 2"},
		{"show route lan", 2, "neither an IPv4 prefix nor an IPv4 address"},
		{"show ospf route fe80::1", 2, "neither an IPv4 prefix nor an IPv4 address"},
		{"show ospf database network --socket " + socket, 0, ""},
		{"show ospf database --adv-router 10.255.0.1 --socket " + socket, 0, ""},
		{"show ospf database ext 192.0.2.0 --socket " + socket, 4, "an LSA with"},
		{"show ospf events --socket " + socket, 0, ""},
		{"show ospf events hub", 2, "no router id"},
		{"show ospf spf --socket " + socket, 0, ""},
		{"show ospf graph --socket " + socket, 0, ""},
		{"show ospf graph --format mermaid --stubs --socket " + socket, 0, ""},
		{"show ospf graph --format svg", 2, "dot or mermaid"},
		{"show ospf graph --socket " + absent, 3, absent},
		{"show ospf database opaque", 2, `"opaque" is no LSA type; there are router`},
		{"show ospf database router lan", 2, `"lan" is no link state id`},
		{"show ospf database router 10.0.0.1 x", 2, "not 3 arguments"},
		{"show ospf database --adv-router hub", 2, `"hub" is no router id`},
		{"show ospf neighbor vpn1", 2, "no router id"},
		{"show nexthop vpn1", 2, "not the number of a nexthop group"},
		{"check " + bad, 2, "ecmpd check --config " + bad},
		{"help shwo", 2, "did you mean show?"},
		{"completion tcsh", 2, `no command "tcsh"`},
		{"run --bogus", 2, "--bogus"},
		{"run now", 2, "now"},
		{"demo --keep --clean", 2, "exclude each other"},
		{"wait", 2, "a condition is missing"},
		{"wait neighbor=full", 2, "is not a number"},
		{"wait neighbor=up:1", 2, `unknown state "up"`},
		{"wait route=10.0.0.0:2", 2, "is not a prefix"},
		{"wait route=10.0.0.0/8:many", 2, "is not a number"},
		{"wait transit=on", 2, `unknown state "on"`},
		{"wait wan=up", 2, "it is neighbor=full:N"},
		{"wait neighbor=full:1 --timeout soon", 2, "--timeout"},
		{"wait neighbor=full:1 --timeout -1s", 2, "negative"},
		{"show route --socket " + absent, 3, absent},
		{"wait neighbor=full:1 --timeout 50ms --socket " + absent, 3, absent},
		{"show route 192.0.2.0/24 --socket " + socket, 4, "route 192.0.2.0/24: not found"},
		{"show ospf neighbor 192.0.2.1 -o json --socket " + socket, 4, "neighbour 192.0.2.1: not found"},
		{"wait neighbor=full:2 --timeout 0s --socket " + socket, 5, "1 neighbours are Full, not 2; 10.255.0.2 on vpn2 is ExStart (MTU"},
		{"wait route=192.0.2.0/24:1 --timeout 50ms --socket " + socket, 5, "there is no route, not 1"},
	} {
		code, stdout, stderr := ecmpd(t, strings.Fields(row.args)...)
		if code != row.code || !strings.Contains(stderr, row.stderr) || (code == 0) != (stderr == "") {
			t.Errorf("ecmpd %s: exit code %d, want %d and %q\n%s%s", row.args, code, row.code, row.stderr, stdout, stderr)
		}
		// What the doctor finds is its answer, whatever the exit code.
		if code != 0 && stdout != "" && !strings.HasPrefix(row.args, "doctor") {
			t.Errorf("ecmpd %s failed and wrote to stdout: %s", row.args, stdout)
		}
	}
}

// Every show command and each of its short forms prints what the API says.
func TestShowJSONIsTheBody(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "s")
	(&router{state: example}).start(t, socket)
	for args, path := range map[string]string{
		"show ospf neighbor":                     api.PathNeighbors,
		"show bfd":                               api.PathBFD,
		"show bfd 10.0.0.1":                      api.PathBFD + "?peer=10.0.0.1",
		"show bgp neighbor":                      api.PathBGPNeighbors,
		"show bgp neighbor 10.9.0.1":             api.PathBGPNeighbors + "?peer=10.9.0.1",
		"show bgp rib 203.0.113.0/24":            api.PathBGPRIB + "?prefix=203.0.113.0/24",
		"show bgp announcements":                 api.PathBGPAnnouncements,
		"show bgp announcements 10.9.0.1":        api.PathBGPAnnouncements + "?peer=10.9.0.1",
		"show bgp announcements 198.51.100.0/24": api.PathBGPAnnouncements + "?prefix=198.51.100.0/24",
		"sh ip os ne":                            api.PathNeighbors,
		"show ospf neighbours 10.255.0.1":        api.PathNeighbors + "?routerId=10.255.0.1",
		"show ospf interface":                    api.PathInterfaces,
		"show ospf interface vpn1":               api.PathInterfaces + "?interface=vpn1",
		"sh o d":                                 api.PathDatabase,
		"show ospf route":                        api.PathOSPFRoutes,
		"show ip ospf route 10.10.4.0/24":        api.PathOSPFRoutes + "?prefix=10.10.4.0/24",
		"show route":                             api.PathRoutes,
		"show ip route 10.10.4.1":                api.PathRoutes + "?prefix=10.10.4.1",
		"show nexthop":                           api.PathNextHops,
		"show nexthops 7":                        api.PathNextHops + "?id=7",
		"show transit":                           api.PathTransit,
		"show wan":                               api.PathWAN,
		"show wan rules":                         api.PathWAN,
		"show symmetry":                          api.PathSymmetry,
		"sh sy 10.255.0.11":                      api.PathSymmetry + "?routerId=10.255.0.11",
		"show st":                                api.PathStatus,
		"show memory":                            api.PathMemory,
	} {
		want, err := api.NewClient(socket).Body(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		var stdout, stderr bytes.Buffer
		root := newRoot()
		root.SetOut(&stdout)
		root.SetErr(&stderr)
		code := execute(t.Context(), root, append(strings.Fields(args), "-o", "json", "--socket", socket))
		if code != 0 || stdout.String() != string(want) {
			t.Errorf("ecmpd %s: exit code %d\n%s%s\nwant\n%s", args, code, &stderr, &stdout, want)
		}
	}
}

func (r *router) Route(ctx context.Context, p netip.Prefix) ([]api.Route, error) {
	all, err := r.Routes(ctx)
	var fit []api.Route
	for _, route := range all {
		if route.Prefix == p.String() {
			fit = append(fit, route)
		}
	}
	return fit, err
}
