package sim

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ecmpd/ecmpd/ospf"
	"github.com/ecmpd/ecmpd/ospf/packet"
)

// parts is a network of areas under random changes.
type parts struct {
	n        *Net
	rng      *rand.Rand
	inside   map[packet.ID][]*Router // who has an interface in the area
	segments []*Segment
	ids      []packet.ID
}

// areaOf makes a random kind of area.
func (w *parts) areaOf(id packet.ID) ospf.Area {
	a := ospf.Area{ID: id, Summary: w.rng.IntN(3) > 0, DefaultCost: uint32(1 + w.rng.IntN(4))}
	if id != 0 {
		a.Type = ospf.AreaType(w.rng.IntN(3))
	}
	return a
}

// newParts builds a backbone and up to four areas round it. Some routers are in several.
func newParts(seed uint64, size int) *parts {
	w := &parts{n: New(seed), rng: rand.New(rand.NewPCG(seed, 99)), inside: map[packet.ID][]*Router{}}
	rng := w.rng
	for id := range packet.ID(2 + rng.IntN(4)) {
		w.ids = append(w.ids, id)
		w.n.ConfigureArea(w.areaOf(id))
	}
	for i := range size {
		home := w.ids[rng.IntN(len(w.ids))]
		if i < len(w.ids) {
			home = w.ids[i]
		}
		r := w.n.AddRouterIn(fmt.Sprintf("r%d", i+1), home, ospf.Config{})
		w.inside[home] = append(w.inside[home], r)
	}
	for _, id := range w.ids[1:] { // border routers
		for range 1 + rng.IntN(2) {
			w.inside[id] = append(w.inside[id], w.inside[0][rng.IntN(len(w.inside[0]))])
		}
		if rng.IntN(4) == 0 { // to another area, past the backbone
			w.inside[id] = append(w.inside[id], w.n.routers[rng.IntN(size)])
		}
	}
	for _, id := range w.ids {
		w.join(id)
	}
	for range rng.IntN(5) {
		w.virtualLink()
	}
	return w
}

func (w *parts) cost() uint16 { return uint16(1 + w.rng.IntN(4)) }

// join links the routers of an area: a tree, some links more, and at times a LAN.
func (w *parts) join(id packet.ID) {
	r, rng := w.inside[id], w.rng
	o := LinkOptions{Delay: time.Millisecond, Jitter: 5 * time.Millisecond, Area: id, Loss: 0.02 * float64(rng.IntN(2))}
	o.Duplicate, o.Reorder = o.Loss, o.Loss
	o.Interface = ospf.InterfaceConfig{HelloInterval: time.Second, DeadInterval: 10 * time.Second, RetransmitInterval: 2 * time.Second}
	for i := 1; i < len(r)+rng.IntN(len(r)+1); i++ {
		a, b := r[i%len(r)], r[rng.IntN(min(i, len(r)))]
		if a == b {
			continue
		}
		o.CostA, o.CostB, o.Unnumbered = w.cost(), w.cost(), false
		k := len(w.segments)
		w.segments = append(w.segments, w.n.Link(a, fmt.Sprintf("l%da", k), b, fmt.Sprintf("l%db", k), o))
	}
	if rng.IntN(3) == 0 {
		var members []Member
		seen := map[*Router]bool{}
		for _, m := range r {
			if !seen[m] && rng.IntN(2) == 0 {
				seen[m] = true
				members = append(members, Member{m, fmt.Sprintf("lan%d", id), w.cost(), uint8(1 + rng.IntN(2)), false})
			}
		}
		if len(members) > 0 {
			w.segments = append(w.segments, w.n.LAN(o, members...))
		}
	}
}

// virtualLink makes two routers of an area the ends of a virtual link, or ends one.
func (w *parts) virtualLink() {
	normal := slices.DeleteFunc(slices.Clone(w.ids), func(id packet.ID) bool { return id == 0 || !w.n.external(id) })
	if len(normal) == 0 {
		return
	}
	id := normal[w.rng.IntN(len(normal))]
	in := w.inside[id]
	a, b := in[w.rng.IntN(len(in))], in[w.rng.IntN(len(in))]
	if v := w.n.virtual; len(v) > 0 && w.rng.IntN(2) == 0 {
		id, a, b = v[0].transit, v[0].ends[0], v[0].ends[1]
	}
	if a.ID > b.ID {
		a, b = b, a
	}
	if a != b {
		w.n.VirtualLink(id, a, b)
	}
}

// ranges gives a router random address ranges. A prefix is always of the same area.
func (w *parts) ranges(r *Router) {
	id := w.ids[w.rng.IntN(len(w.ids))]
	var list []ospf.Range
	add := func(addr [4]byte, bits int) {
		p := netip.PrefixFrom(netip.AddrFrom4(addr), bits).Masked()
		if (int(p.Addr().As4()[3])/4+bits)%len(w.ids) == int(id) && narrowest(list, p) == nil {
			list = append(list, ospf.Range{Prefix: p, Advertise: w.rng.IntN(4) > 0, Cost: uint32(max(0, w.rng.IntN(9)-4))})
		}
	}
	for range w.rng.IntN(12) {
		add([4]byte{10, 0, 0, byte(w.rng.IntN(256))}, 24+w.rng.IntN(7))
		add([4]byte{192, 168, 0, byte(w.rng.IntN(64))}, 26+w.rng.IntN(7))
	}
	if w.n.areaConfigs[id].Type == ospf.AreaNSSA && w.rng.IntN(2) == 0 {
		p := netip.PrefixFrom(netip.AddrFrom4([4]byte{172, 17 + byte(id), byte(w.rng.IntN(4)), 0}), 22+w.rng.IntN(3)).Masked()
		list = append(list, ospf.Range{Prefix: p, Advertise: w.rng.IntN(4) > 0})
	}
	r.ConfigureArea(id, func(a *ospf.Area) { a.Ranges = list })
}

func (w *parts) filters(r *Router) {
	id := w.ids[w.rng.IntN(len(w.ids))]
	list := []ospf.PrefixRange{
		{Prefix: netip.MustParsePrefix("10.0.0.0/26"), Ge: 8, Le: 32},
		{Prefix: netip.MustParsePrefix("192.168.0.0/28"), Ge: 8, Le: 32},
	}[:w.rng.IntN(3)]
	r.ConfigureArea(id, func(a *ospf.Area) {
		if w.rng.IntN(2) == 0 {
			a.Import = list
		} else {
			a.Export = list
		}
	})
}

func (w *parts) externals(r *Router) {
	m := map[netip.Prefix]External{}
	net := byte(16) // each NSSA has externals of its own
	for i, id := range w.ids {
		if w.n.areaConfigs[id].Type == ospf.AreaNSSA && slices.Contains(w.inside[id], r) && !slices.Contains(w.inside[0], r) {
			net = byte(17 + i)
		}
	}
	for range w.rng.IntN(4) {
		p := netip.PrefixFrom(netip.AddrFrom4([4]byte{172, net, byte(w.rng.IntN(4)), 0}), 24-w.rng.IntN(2)).Masked()
		m[p] = External{Metric: uint32(1 + w.rng.IntN(3)), Type2: w.rng.IntN(2) == 0}
	}
	r.Redistribute(m)
}

// disturb does one random thing and says what.
func (w *parts) disturb() string {
	s := w.segments[w.rng.IntN(len(w.segments))]
	r := w.n.routers[w.rng.IntN(len(w.n.routers))]
	victim := s.ports[w.rng.IntN(len(s.ports))].router
	link := fmt.Sprintf("link %s of %s", s.ports[0].name, s.ports[0].router.Name)
	switch w.rng.IntN(13) {
	case 12:
		w.virtualLink()
		return fmt.Sprintf("virtual links are %v", w.n.virtualNames())
	case 0:
		s.SetUp(false)
		return link + " goes down"
	case 1, 2:
		s.SetUp(true)
		return link + " comes up"
	case 3:
		s.Cut()
		return link + " loses all packets"
	case 4:
		s.Mend()
		return link + " is mended"
	case 5:
		cost := w.cost()
		s.SetCost(victim, cost)
		return fmt.Sprintf("%s costs %d for %s", link, cost, victim.Name)
	case 6:
		r.Crash()
		return r.Name + " crashes"
	case 7:
		r.Start()
		return r.Name + " starts"
	case 8:
		w.externals(r)
		return fmt.Sprintf("%s announces %v", r.Name, r.externals)
	case 9, 10:
		w.ranges(r)
		return r.Name + " has other ranges"
	}
	w.filters(r)
	return r.Name + " has other filters"
}

// virtualNames lists the virtual links.
func (n *Net) virtualNames() (list []string) {
	for _, v := range n.virtual {
		list = append(list, v.name(0)+" of "+v.ends[0].Name)
	}
	return list
}

// changes is how many things happen to a network of areas before it has to come to rest; then one more does.
const changes = 15

// wanderAreas builds a network of areas, lets random things happen to it, but for those that are left out, and
// returns what happened and what is wrong in the end. Each thing depends on the seed and its number alone.
func wanderAreas(seed uint64, out map[int]bool) (w *parts, story []string, err error) {
	size := 5 + int(seed%16)
	switch {
	case seed%100 == 99:
		size = 100 + int(seed/100%101)
	case seed%10 == 9:
		size = 30 + int(seed%31)
	}
	w = newParts(seed, size)
	change := func(number int) {
		w.rng = rand.New(rand.NewPCG(seed, uint64(1000+number)))
		w.n.Run(time.Duration(w.rng.IntN(8000)) * time.Millisecond)
		if !out[number] {
			story = append(story, fmt.Sprintf("%v: %s", w.n.Elapsed(), w.disturb()))
		}
	}
	rest := func() error {
		for _, s := range w.segments {
			s.Mend()
		}
		return w.n.Converge(5 * time.Minute)
	}
	for number := range changes {
		change(number)
	}
	if err := rest(); err != nil {
		return w, story, err
	}
	change(changes)
	return w, story, rest()
}

// Whatever happens to a network of areas, it ends with the routes that the
// oracle knows, twice: after many changes at once, and after a single one. A failure is told with as
// little of what happened as still leads to one.
func TestRandomAreas(t *testing.T) {
	for seed := *firstSeed; seed < *firstSeed+*seeds; seed++ {
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) {
			t.Parallel()
			w, story, err := wanderAreas(seed, nil)
			if err == nil {
				return
			}
			out := map[int]bool{}
			for number := changes; number >= 0; number-- {
				out[number] = true
				if w2, story2, err2 := wanderAreas(seed, out); err2 != nil {
					w, story, err = w2, story2, err2
				} else {
					delete(out, number)
				}
			}
			t.Errorf("%d routers in areas %v:\n  %s\n%v", len(w.n.routers), w.ids, strings.Join(story, "\n  "), err)
		})
	}
}

// A story that can not be wrong is short, and one that needs a change keeps it.
func TestRandomAreasRepeats(t *testing.T) {
	_, all, _ := wanderAreas(3, nil)
	_, less, _ := wanderAreas(3, map[int]bool{0: true, changes: true})
	if len(all) != changes+1 || !slices.Equal(all[1:changes], less) {
		t.Errorf("without the first and the last change, of\n%s\nremains\n%s", strings.Join(all, "\n"), strings.Join(less, "\n"))
	}
}
