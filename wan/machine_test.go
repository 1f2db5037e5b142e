package wan

import (
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

// world is a machine with a clock.
type world struct {
	*testing.T
	m         *Machine
	now       time.Time
	log       []string
	elsewhere bool
}

var mark = Mark{Mask: 0x3f000000, TableBase: 20100, RuleBase: 20100}

func uplinkNamed(name string, tier int, targets ...TargetKind) Uplink {
	u := Uplink{
		Name: name, Interface: "w" + name, Gateway: Gateway{Address: netip.MustParseAddr("192.0.2.1")}, Weight: 1, Tier: tier,
		Check: Check{Quorum: 1, Interval: time.Second, DownAfter: 3, UpAfter: 2, HoldUp: 10 * time.Second},
	}
	for i, k := range targets {
		u.Check.Targets = append(u.Check.Targets, Target{Kind: k, Port: uint16(i)})
	}
	return u
}

func linkNamed(name string) Link {
	return Link{Name: "w" + name, Up: true, ARP: true, Networks: []netip.Prefix{netip.MustParsePrefix("192.0.2.7/24")}}
}

func newWorld(t *testing.T, memory map[string]Memory, uplinks ...Uplink) *world {
	w := &world{T: t, m: New(memory), now: time.Unix(1000, 0)}
	var links []Link
	for _, u := range uplinks {
		links = append(links, linkNamed(u.Name))
	}
	_, events := w.m.Configure(w.now, Config{Uplinks: uplinks, Mark: mark})
	w.note(events)
	w.note(w.m.SetLinks(w.now, links))
	w.log = nil
	return w
}

func (w *world) note(events []Event) {
	for _, e := range events {
		w.log = append(w.log, fmt.Sprintf("%s %v", e.Name, e.Up))
	}
}

// rounds takes n rounds, a second each, in which the targets answer as said: + or -.
func (w *world) rounds(n int, name, answers string) {
	w.Helper()
	for range n {
		w.now = w.now.Add(time.Second)
		r := Round{Name: name}
		for _, s := range w.m.States(w.elsewhere) {
			if s.Name == name {
				r.At = s.At
			}
		}
		for _, c := range answers {
			r.Results = append(r.Results, Result{OK: c == '+', RTT: time.Millisecond})
		}
		w.note(w.m.Take(w.now, r))
	}
}

// expect says what happened since the last call, and who carries traffic now.
func (w *world) expect(events, used string) {
	w.Helper()
	var names []string
	for _, way := range w.m.Order(w.elsewhere).Ways {
		if way.Used {
			names = append(names, way.Name)
		}
	}
	if got := strings.Join(w.log, ", "); got != events {
		w.Errorf("events %q, want %q", got, events)
	}
	if got := strings.Join(names, " "); got != used {
		w.Errorf("used %q, want %q", got, used)
	}
	w.log = nil
}

func TestDownAfterAndUpAfter(t *testing.T) {
	w := newWorld(t, nil, uplinkNamed("a", 1, ProbeGateway), uplinkNamed("b", 1, ProbeGateway))
	w.expect("", "a b") // the start does not wait
	w.rounds(2, "a", "-")
	w.rounds(1, "a", "+")
	w.rounds(2, "a", "-")
	w.expect("", "a b")
	w.rounds(1, "a", "-")
	w.expect("a false", "b")
	w.rounds(10, "a", "+") // good rounds enough, held back: well since the first of them
	w.expect("", "b")
	w.rounds(1, "a", "+")
	w.expect("a true", "a b")
}

// What is taken for up at the start is marked until a round has said so, or that it is down.
func TestAssumed(t *testing.T) {
	w := newWorld(t, nil, uplinkNamed("a", 1, ProbeGateway), uplinkNamed("b", 1, ProbeGateway), uplinkNamed("c", 1, ProbeGateway))
	w.rounds(1, "b", "+")
	w.rounds(2, "c", "-")
	assumed := func(want string) {
		t.Helper()
		var got []string
		for _, way := range w.m.Order(false).Ways {
			if way.Assumed {
				got = append(got, way.Name)
			}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("assumed are %s, want %s", got, want)
		}
	}
	assumed("a c")
	w.rounds(1, "c", "-")
	assumed("a")
	w.rounds(1, "a", "+")
	w.rounds(3, "a", "-")
	w.rounds(20, "a", "+")
	assumed("")
}

// The gateway is a condition of its own, of the others the quorum counts.
func TestQuorum(t *testing.T) {
	for answers, up := range map[string]bool{"++++": true, "++--": true, "+-+-": true, "+---": false, "-+++": false} {
		w := newWorld(t, nil, uplinkNamed("a", 1, ProbeGateway, ProbeICMP, ProbeTCP, ProbeDNS), uplinkNamed("b", 1))
		w.rounds(3, "a", answers)
		if used := w.m.Order(false).Ways[0].Used; used != up {
			t.Errorf("%s: %v", answers, used)
		}
	}
}

// The time to the next return doubles with each death within ten minutes of the last return.
func TestBackOff(t *testing.T) {
	w := newWorld(t, nil, uplinkNamed("a", 1, ProbeGateway), uplinkNamed("b", 1))
	back := func() time.Duration {
		t.Helper()
		w.rounds(3, "a", "-")
		w.expect("a false", "b")
		start := w.now
		for n := 0; len(w.log) == 0 && n < 2000; n++ {
			w.rounds(1, "a", "+")
		}
		w.log = nil
		return w.now.Sub(start)
	}
	var got []time.Duration
	for range 8 {
		got = append(got, back()-time.Second)
	}
	want := []time.Duration{10, 20, 40, 80, 160, 320, 600, 600}
	for i := range want {
		want[i] *= time.Second
	}
	if !slices.Equal(got, want) {
		t.Errorf("held back for %v, want %v", got, want)
	}
	w.rounds(600, "a", "+")
	if d := back() - time.Second; d != 10*time.Second {
		t.Errorf("after ten good minutes %s", d)
	}
}

func TestAttachment(t *testing.T) {
	w := newWorld(t, nil, uplinkNamed("a", 1, ProbeGateway), uplinkNamed("b", 1))
	a, b := linkNamed("a"), linkNamed("b")
	set := func(l ...Link) { w.note(w.m.SetLinks(w.now, l)) }
	reason := func(want string) {
		t.Helper()
		if got := w.m.States(false)[0].Reason; got != want {
			t.Errorf("reason %q, want %q", got, want)
		}
	}
	set(b)
	w.expect("a false", "b")
	reason("no such interface")
	a.Up = false
	set(a, b)
	reason("link down")
	a.Up, a.Networks = true, nil
	set(a, b)
	reason("no address")
	a.Networks = []netip.Prefix{netip.MustParsePrefix("192.0.2.1/24")}
	set(a, b)
	reason("the gateway is an own address")
	w.expect("", "b")

	// Another address: rounds of the old one say nothing any more.
	set(linkNamed("a"), b)
	old := w.m.States(false)[0].At
	a.Networks = []netip.Prefix{netip.MustParsePrefix("198.51.100.7/32")}
	set(a, b)
	if at := w.m.States(false)[0].At; !at.OnLink || at.Source.String() != "198.51.100.7" {
		t.Errorf("%+v", at)
	}
	for range 30 {
		w.now = w.now.Add(time.Second)
		w.note(w.m.Take(w.now, Round{Name: "a", At: old, Results: []Result{{OK: true}}}))
	}
	w.expect("", "b")
	w.rounds(11, "a", "+")
	w.expect("a true", "a b")

	// A gateway from DHCP, and a glob of which the first link that is up counts.
	u := uplinkNamed("p", 1)
	u.Interface, u.Gateway = "ppp*", Gateway{DHCP: true}
	l1, l2 := linkNamed("x"), linkNamed("x")
	l1.Name, l2.Name, l2.Default = "ppp0", "ppp1", netip.MustParseAddr("192.0.2.99")
	if at, _ := u.attach([]Link{l2, l1}); at.Interface != "ppp1" || at.Gateway != l2.Default {
		t.Errorf("%+v", at)
	}
	if at, why := u.attach([]Link{l1}); at.Attached() || why != "no gateway from DHCP" {
		t.Errorf("%+v %s", at, why)
	}
}

func TestTiersAndLastOrder(t *testing.T) {
	w := newWorld(t, nil, uplinkNamed("a", 1, ProbeGateway), uplinkNamed("b", 1, ProbeGateway), uplinkNamed("c", 2, ProbeGateway))
	w.expect("", "a b")
	w.rounds(3, "a", "-")
	w.expect("a false", "b")
	w.rounds(3, "b", "-")
	w.expect("b false", "c")
	w.rounds(3, "c", "-")
	w.expect("c false", "c") // the last order stays
	w.elsewhere = true
	w.expect("", "") // another default route takes over
	w.elsewhere = false
	w.note(w.m.SetLinks(w.now, []Link{linkNamed("a"), linkNamed("b")}))
	w.expect("", "a b") // what carried traffic last is gone: whatever has a link
	w.rounds(11, "b", "+")
	w.expect("b true", "b")
}

func TestDisable(t *testing.T) {
	w := newWorld(t, nil, uplinkNamed("a", 1), uplinkNamed("b", 1))
	disable := func(name string, disabled, want bool) {
		t.Helper()
		events, ok := w.m.Disable(w.now, name, disabled)
		if w.note(events); ok != want {
			t.Errorf("disable %s: %v", name, ok)
		}
	}
	disable("x", true, false)
	disable("a", true, true)
	disable("a", true, true)
	w.expect("a false", "b")
	disable("b", true, true)
	w.expect("b false", "") // not even as the last resort
	disable("a", false, true)
	w.expect("a true", "a")
}

// Identifiers stay with the names, through reloads and restarts.
func TestIdentifiers(t *testing.T) {
	a, b, c, d := uplinkNamed("a", 1, ProbeGateway), uplinkNamed("b", 1), uplinkNamed("c", 1), uplinkNamed("d", 1)
	w := newWorld(t, nil, a, b, c)
	ids := func() string {
		var out []string
		for _, way := range w.m.Order(false).Ways {
			out = append(out, fmt.Sprintf("%s%d", way.Name, way.ID))
		}
		return strings.Join(out, " ")
	}
	if got := ids(); got != "a1 b2 c3" {
		t.Error(got)
	}
	gone, _ := w.m.Configure(w.now, Config{Uplinks: []Uplink{d, c, a}, Mark: mark})
	if got := ids(); got != "d2 c3 a1" || !slices.Equal(gone, []int{2}) {
		t.Error(got, gone)
	}
	w.note(w.m.SetLinks(w.now, []Link{linkNamed("a"), linkNamed("c"), linkNamed("d")}))
	w.rounds(3, "a", "-")
	w.m.Disable(w.now, "d", true)
	memory := w.m.Remember()
	if want := map[string]Memory{"a": {ID: 1, Down: true}, "c": {ID: 3}, "d": {ID: 2, Disabled: true}}; !reflect.DeepEqual(memory, want) {
		t.Errorf("memory %+v", memory)
	}

	// The next run: what was down stays so until it is well, what left the configuration meanwhile is gone.
	w = newWorld(t, memory, a, b, d)
	if got := ids(); got != "a1 b3 d2" {
		t.Error(got)
	}
	w.expect("", "b")
	w.rounds(2, "a", "+")
	w.expect("a true", "a b")
	if gone, _ := New(map[string]Memory{"x": {}, "y": {ID: -1}}).Configure(w.now, Config{Mark: mark}); len(gone) != 0 {
		t.Errorf("no identifiers are gone, but %v", gone)
	}
	if gone, _ := New(memory).Configure(w.now, Config{Uplinks: []Uplink{a}, Mark: mark}); len(gone) != 2 {
		t.Errorf("gone %v", gone)
	}
}

func TestMarks(t *testing.T) {
	for _, tt := range []struct {
		mask             uint32
		most             int
		first, last, all uint32
	}{
		{0x3f000000, 61, 0x1000000, 0x3e000000, 0x3f000000},
		{0x7, 5, 1, 6, 7},
		{0xff00, 253, 0x100, 0xfe00, 0xff00},
	} {
		m := Mark{Mask: tt.mask}
		if m.MaxUplinks() != tt.most || m.Of(1) != tt.first || m.Routed() != tt.last || m.Question() != tt.all {
			t.Errorf("%#x: %d %#x %#x %#x", tt.mask, m.MaxUplinks(), m.Of(1), m.Routed(), m.Question())
		}
	}
}

// The far ends of tunnels stay on one uplink while it is up, move when it dies, and do not follow another default
// route, which may lead into a tunnel.
func TestEndpoint(t *testing.T) {
	m := New(nil)
	m.Configure(time.Unix(0, 0), Config{
		Uplinks: []Uplink{uplinkNamed("a", 1), uplinkNamed("b", 1)}, Mark: mark,
		Endpoints: []netip.Addr{netip.MustParseAddr("198.51.100.9")}, FindWireGuard: true,
	})
	m.SetLinks(time.Unix(0, 0), []Link{linkNamed("a"), linkNamed("b")})
	m.SetPeers([]netip.Addr{netip.MustParseAddr("198.51.100.8"), netip.MustParseAddr("198.51.100.9")})
	for i, step := range []struct {
		up        string
		elsewhere bool
		want      int
	}{{"a b", false, 0}, {"b", false, 1}, {"a b", false, 1}, {"", true, 1}, {"a", true, 0}} {
		for _, u := range m.uplinks {
			u.up = strings.Contains(step.up, u.Name)
		}
		if o := m.Order(step.elsewhere); o.Endpoint != step.want || len(o.Endpoints) != 2 {
			t.Errorf("step %d: endpoints %v by %d, want %d", i+1, o.Endpoints, o.Endpoint, step.want)
		}
	}
}
