package ospf

import (
	"flag"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ecmpd/ecmpd/ospf/packet"
)

var update = flag.Bool("update", false, "rewrite golden files")

// golden compares text with testdata/name, or rewrites the file with -update.
func golden(t *testing.T, name, text string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if string(want) != text {
		t.Errorf("%s differs, got:\n%s", file, text)
	}
}

func ip(s string) netip.Addr    { return netip.MustParseAddr(s) }
func pfx(s string) netip.Prefix { return netip.MustParsePrefix(s) }
func id(s string) packet.ID     { return packet.IDFromAddr(ip(s)) }
func match(names ...string) (m Match) {
	for _, n := range names {
		m = append(m, MatchItem{Exclude: strings.HasPrefix(n, "!"), Glob: strings.TrimPrefix(n, "!")})
	}
	return m
}

// self is the router id of the engine under test.
var self = id("1.1.1.1")

// interfaceConfig is an entry with the RFC's sample values.
func interfaceConfig(names ...string) InterfaceConfig {
	return InterfaceConfig{
		Match: match(names...), Cost: 10, Weight: 1, Priority: 1,
		HelloInterval: 10 * time.Second, DeadInterval: 40 * time.Second,
		RetransmitInterval: 5 * time.Second, TransmitDelay: time.Second,
	}
}

// lab drives one engine on a virtual clock. Its router is 1.1.1.1 in the
// backbone: eth0 10.0.0.1/24 (broadcast), tun0 10.1.0.1/30 and tun1 (unnumbered,
// borrowing 10.255.0.1), both point-to-point, and lo.
type lab struct {
	t      testing.TB
	e      *Engine
	now    time.Time
	cfg    Config
	links  []Link
	peers  []*peer
	out    []Transmit
	events []Event
	routes []string
	groups []Membership
	done   bool
}

func baseLinks() []Link {
	return []Link{
		{Name: "lo", Index: 1, MTU: 65536, Up: true, Loopback: true, Addrs: []LinkAddr{{Addr: pfx("127.0.0.1/8")}, {Addr: pfx("10.255.0.1/32")}}},
		{Name: "eth0", Index: 2, MTU: 1500, Up: true, Addrs: []LinkAddr{{Addr: pfx("10.0.0.1/24")}}},
		{Name: "tun0", Index: 3, MTU: 1400, Up: true, PointToPoint: true, Addrs: []LinkAddr{{Addr: pfx("10.1.0.1/30")}}},
		{Name: "tun1", Index: 4, MTU: 1400, Up: true, PointToPoint: true, Addrs: []LinkAddr{{Addr: pfx("10.255.0.1/32")}}},
	}
}

func baseConfig() Config {
	ms := time.Millisecond
	return Config{
		RouterID: self,
		Areas:    []Area{{ID: 0, Interfaces: []InterfaceConfig{interfaceConfig("*")}}},
		SPFDelay: SPFDelay{Initial: 50 * ms, Short: 200 * ms, Long: 5000 * ms, HoldDown: 10000 * ms, TimeToLearn: 500 * ms},
		MaxLSAs:  1000, MaxNeighbors: 16,
	}
}

// newLab starts an engine; edit may change configuration and links before.
func newLab(t testing.TB, edit ...func(*lab)) *lab {
	t.Helper()
	l := &lab{t: t, e: New(1), now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), cfg: baseConfig(), links: baseLinks()}
	for _, f := range edit {
		f(l)
	}
	l.step(Links{l.links})
	l.step(l.cfg)
	return l
}

// step applies an input now and everything that becomes due at once; floods
// that rest count as well, unless many packets went before them.
func (l *lab) step(in Input) {
	l.t.Helper()
	for n := 0; ; n++ {
		if n == 10_000 {
			l.t.Fatal("the engine's deadline does not move on")
		}
		out := l.e.Step(l.now, in)
		l.out = append(l.out, out.Send...)
		l.events = append(l.events, out.Events...)
		l.groups = append(l.groups, out.Groups...)
		for _, c := range out.Routes {
			sign := "+"
			if c.Withdrawn {
				sign = "-"
			}
			l.routes = append(l.routes, sign+c.Prefix.String())
		}
		l.done = l.done || out.Done
		l.acknowledge(out.Send)
		at := l.e.Deadline()
		atOnce := l.e.soon()
		if q := &l.e.floods; q.timer.armed() && q.timer.at.Equal(at) {
			atOnce = l.now.Add(time.Millisecond)
		}
		if at.IsZero() || at.After(atOnce) {
			return
		}
		if at.After(l.now) {
			l.now = at
		}
		in = Tick{}
	}
}

// advance lets time pass; peers that are alive go on sending Hellos.
func (l *lab) advance(d time.Duration) {
	l.t.Helper()
	for end := l.now.Add(d); ; {
		next := end
		if at := l.e.Deadline(); !at.IsZero() && at.Before(next) {
			next = at
		}
		for _, p := range l.peers {
			if p.alive && p.due.Before(next) {
				next = p.due
			}
		}
		if next.After(l.now) {
			l.now = next
		}
		for _, p := range l.peers {
			if p.alive && !p.due.After(l.now) {
				p.hi()
			}
		}
		l.step(Tick{})
		if !l.now.Before(end) {
			return
		}
	}
}

// relink applies the links after edit.
func (l *lab) relink(edit func(map[string]*Link)) {
	l.t.Helper()
	m := map[string]*Link{}
	l.links = slices.Clone(l.links)
	for i := range l.links {
		l.links[i].Addrs = slices.Clone(l.links[i].Addrs)
		m[l.links[i].Name] = &l.links[i]
	}
	edit(m)
	l.links = slices.DeleteFunc(l.links, func(k Link) bool { return k.Name == "" })
	l.step(Links{l.links})
}

// reload applies the configuration after edit; the first entry is what most tests touch.
func (l *lab) reload(edit func(*Config, *InterfaceConfig)) {
	l.t.Helper()
	c := l.cfg
	c.Areas = slices.Clone(c.Areas)
	for i := range c.Areas {
		c.Areas[i].Interfaces = slices.Clone(c.Areas[i].Interfaces)
	}
	edit(&c, &c.Areas[0].Interfaces[0])
	l.cfg = c
	l.step(c)
}

// sent is one packet that the engine sent, decoded.
type sent struct {
	Transmit
	h    packet.Header
	body packet.Body
}

// take returns what was sent since the last call.
func (l *lab) take() []sent {
	l.t.Helper()
	var list []sent
	for _, tx := range l.out {
		h, body, err := packet.Decode(tx.Data)
		if err != nil {
			l.t.Fatalf("engine sent nonsense on %s: %v (%d bytes)", tx.Interface, err, len(tx.Data))
		}
		list = append(list, sent{tx, h, body})
	}
	l.out = nil
	return list
}

// on filters packets by interface and the type of their body.
func on[B packet.Body](list []sent, ifname string) (bodies []B, dsts []netip.Addr) {
	for _, s := range list {
		if b, ok := s.body.(B); ok && s.Interface == ifname {
			bodies, dsts = append(bodies, b), append(dsts, s.Dst)
		}
	}
	return bodies, dsts
}

// flooded lists the LSAs sent on an interface.
func flooded(list []sent, ifname string) (headers []packet.LSAHeader) {
	us, _ := on[*packet.LSUpdate](list, ifname)
	for _, u := range us {
		for _, raw := range u.LSAs {
			h, err := packet.CheckLSA(raw)
			if err != nil {
				panic(err)
			}
			headers = append(headers, h)
		}
	}
	return headers
}

// acked lists the acknowledgements sent on an interface with their destinations.
func acked(list []sent, ifname string) (headers []packet.LSAHeader, dst []netip.Addr) {
	as, dsts := on[*packet.LSAck](list, ifname)
	for n, a := range as {
		for _, h := range a.Headers {
			headers, dst = append(headers, h), append(dst, dsts[n])
		}
	}
	return headers, dst
}

func (l *lab) neighbor(addr netip.Addr) *neighbor {
	for _, i := range l.e.ifaces {
		for _, n := range i.neighbors {
			if n.addr == addr {
				return n
			}
		}
	}
	return nil
}

func (l *lab) iface(name string) *iface {
	l.t.Helper()
	i := l.e.iface(name)
	if i == nil {
		l.t.Fatalf("no interface %s", name)
	}
	return i
}

// lsa returns an LSA of the engine's area or AS database, nil when absent.
func (l *lab) lsa(k packet.Key) []byte {
	d := l.e.as
	if k.Type != packet.LSExternal && k.Type != packet.LSOpaqueAS {
		d = l.e.areas[0].db
	}
	if entry := d.Lookup(k); entry != nil {
		return entry.AppendAt(nil, l.now, 0)
	}
	return nil
}

func header(raw []byte) packet.LSAHeader {
	h, err := packet.DecodeLSAHeader(raw)
	if err != nil {
		panic(err)
	}
	return h
}

// own returns the engine's router-LSA.
func (l *lab) own() (packet.LSAHeader, packet.RouterLSA) {
	l.t.Helper()
	raw := l.lsa(packet.Key{Type: packet.LSRouter, ID: self, Adv: self})
	body, err := packet.DecodeRouterLSA(raw)
	if err != nil {
		l.t.Fatal(err)
	}
	return header(raw), body
}

// rejected is the interface's counter of a reason.
func (l *lab) rejected(ifname string, r Reject) uint64 { return l.e.iface(ifname).rejected[r] }

// happened lists the state changes of the neighbour since the last call as "From>To".
func (l *lab) happened(addr netip.Addr) (list []string) {
	l.events = slices.DeleteFunc(l.events, func(ev Event) bool {
		c, ok := ev.(NeighborChange)
		if ok && c.Address == addr {
			list = append(list, c.From+">"+c.To)
		}
		return ok && c.Address == addr
	})
	return list
}

func (l *lab) alarms(kind string) (n int) {
	for _, ev := range l.events {
		if a, ok := ev.(Alarm); ok && a.Kind == kind {
			n++
		}
	}
	return n
}

func (l *lab) wantState(p *peer, want nbrState) {
	l.t.Helper()
	if got := p.state(); got != want {
		l.t.Fatalf("neighbour %s is %s, not %s (%v)", p.id, got, want, l.happened(p.addr))
	}
}
