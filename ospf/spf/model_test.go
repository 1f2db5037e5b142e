package spf

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/ecmpd/ecmpd/ospf/packet"
)

// model is a routing domain to make LSAs of. Router n has router id 0.0.0.n.
type model struct {
	root      packet.ID
	p2p       []p2pLink
	lans      []lan
	virtual   []virtualLink
	stubs     []stubNet
	flags     map[areaRouter]packet.RouterFlags
	summaries []sumNet
	externals []extNet
	silent    map[areaRouter]bool // routers whose router-LSA is missing
}

type areaRouter struct{ area, id packet.ID }

// p2pLink joins two routers; its index numbers its addresses and interfaces.
type p2pLink struct {
	area       packet.ID
	ends       [2]packet.ID
	cost       [2]uint16
	unnumbered bool
	half       bool // the second end does not see the first
	down       bool
}

type lan struct {
	area    packet.ID
	prefix  netip.Prefix
	dr      int // index into members
	members []member
	origin  packet.ID // another originator of a second network-LSA, or 0
	down    bool
}

// virtualLink is one of the root; its index numbers its addresses.
type virtualLink struct {
	transit, to packet.ID
	cost        uint16
	down        bool
}

func (v virtualLink) link(k int, to packet.ID) packet.RouterLink {
	return packet.RouterLink{ID: to, Data: packet.ID(10<<24 | 254<<16 | k<<8 | int(to)), Type: packet.LinkVirtual, Metric: v.cost}
}

// member is one interface on a lan; its address is the lan's plus host.
type member struct {
	id       packet.ID
	host     int
	cost     uint16
	unlisted bool // the network-LSA does not name it
}

type stubNet struct {
	area   packet.ID
	id     packet.ID
	prefix netip.Prefix
	cost   uint16
}

type sumNet struct {
	area, adv packet.ID
	prefix    netip.Prefix // or
	asbr      packet.ID
	cost      uint32
}

type extNet struct {
	adv     packet.ID
	prefix  netip.Prefix
	type2   bool
	cost    uint32
	forward packet.ID
	tag     uint32
	nssa    packet.ID // area of a type 7 LSA
	options packet.Options
}

// areaKey names an LSA in the whole domain. Externals have area 0.
type areaKey struct {
	area packet.ID
	key  packet.Key
}

func compareAreaKeys(a, b areaKey) int {
	if a.area != b.area {
		return a.area.Compare(b.area)
	}
	return a.key.Compare(b.key)
}

func (l p2pLink) addr(k, end int) packet.ID {
	return packet.ID(10<<24 | 255<<16 | k<<2 | (end + 1))
}

func (l lan) addr(m member) packet.ID {
	return packet.IDFromAddr(l.prefix.Addr()) + packet.ID(m.host)
}

func idOf(p netip.Prefix) packet.ID   { return packet.IDFromAddr(p.Addr()) }
func maskOf(p netip.Prefix) packet.ID { return packet.MaskOf(p.Bits()) }

// lsas returns the LSAs of the whole domain.
func (m *model) lsas() map[areaKey][]byte {
	routers := make(map[areaRouter]*packet.RouterLSA)
	router := func(area, id packet.ID) *packet.RouterLSA {
		r := routers[areaRouter{area, id}]
		if r == nil {
			r = &packet.RouterLSA{Flags: m.flags[areaRouter{area, id}]}
			routers[areaRouter{area, id}] = r
		}
		return r
	}
	for k := range m.flags {
		router(k.area, k.id)
	}
	all := make(map[areaKey][]byte)
	put := func(area packet.ID, h packet.LSAHeader, body packet.LSABody) {
		h.Seq = packet.InitialSeq
		raw := packet.BuildLSA(h, body)
		all[areaKey{area, h.Key()}] = raw
	}
	for k, l := range m.p2p {
		for end, id := range l.ends {
			r := router(l.area, id)
			if l.down || l.half && end == 1 {
				continue
			}
			r.Links = append(r.Links, packet.RouterLink{ID: l.ends[1-end], Data: l.data(k, end), Type: packet.LinkPointToPoint, Metric: l.cost[end]})
		}
	}
	for _, l := range m.lans {
		if l.down {
			continue
		}
		body := packet.NetworkLSA{Mask: maskOf(l.prefix)}
		dr := l.addr(l.members[l.dr])
		for _, mb := range l.members {
			r := router(l.area, mb.id)
			r.Links = append(r.Links, packet.RouterLink{ID: dr, Data: l.addr(mb), Type: packet.LinkTransit, Metric: mb.cost})
			if !mb.unlisted {
				body.Routers = append(body.Routers, mb.id)
			}
		}
		put(l.area, packet.LSAHeader{Type: packet.LSNetwork, ID: dr, Adv: l.members[l.dr].id}, body)
		if l.origin != 0 {
			put(l.area, packet.LSAHeader{Type: packet.LSNetwork, ID: dr, Adv: l.origin}, packet.NetworkLSA{Mask: maskOf(l.prefix), Routers: body.Routers[:1]})
		}
	}
	for k, v := range m.virtual {
		if a, b := router(0, m.root), router(0, v.to); !v.down {
			a.Links = append(a.Links, v.link(k, v.to))
			b.Links = append(b.Links, v.link(k, m.root))
		}
	}
	for _, s := range m.stubs {
		r := router(s.area, s.id)
		r.Links = append(r.Links, packet.RouterLink{ID: idOf(s.prefix), Data: maskOf(s.prefix), Type: packet.LinkStub, Metric: s.cost})
	}
	for k, r := range routers {
		if !m.silent[k] {
			put(k.area, packet.LSAHeader{Type: packet.LSRouter, ID: k.id, Adv: k.id}, *r)
		}
	}
	for _, s := range m.summaries {
		if s.asbr != 0 {
			put(s.area, packet.LSAHeader{Type: packet.LSASBRSummary, ID: s.asbr, Adv: s.adv}, packet.SummaryLSA{Metric: s.cost})
		} else {
			put(s.area, packet.LSAHeader{Type: packet.LSSummary, ID: idOf(s.prefix), Adv: s.adv}, packet.SummaryLSA{Mask: maskOf(s.prefix), Metric: s.cost})
		}
	}
	for _, e := range m.externals {
		h := packet.LSAHeader{Type: packet.LSExternal, ID: idOf(e.prefix), Adv: e.adv, Options: e.options}
		if e.nssa != 0 {
			h.Type = packet.LSNSSA
		}
		put(e.nssa, h,
			packet.ExternalLSA{Mask: maskOf(e.prefix), Type2: e.type2, Metric: e.cost, Forward: e.forward, Tag: e.tag})
	}
	return all
}

func (l p2pLink) data(k, end int) packet.ID {
	if l.unnumbered {
		return packet.ID(k + 1)
	}
	return l.addr(k, end)
}

// rootLinks returns what the root knows of its links, by area.
func (m *model) rootLinks() map[packet.ID][]RootLink {
	links := make(map[packet.ID][]RootLink)
	for k, l := range m.p2p {
		for end, id := range l.ends {
			if id != m.root || l.down || l.half && end == 1 {
				continue
			}
			links[l.area] = append(links[l.area], RootLink{
				Link:      packet.RouterLink{ID: l.ends[1-end], Data: l.data(k, end), Type: packet.LinkPointToPoint, Metric: l.cost[end]},
				Interface: fmt.Sprintf("p%d", k), Gateway: l.addr(k, 1-end).Addr(), OnLink: l.unnumbered, Weight: 1,
			})
		}
	}
	for k, l := range m.lans {
		for i, mb := range l.members {
			if mb.id == m.root && !l.down {
				links[l.area] = append(links[l.area], RootLink{
					Link:      packet.RouterLink{ID: l.addr(l.members[l.dr]), Data: l.addr(mb), Type: packet.LinkTransit, Metric: mb.cost},
					Interface: fmt.Sprintf("lan%d-%d", k, i), Weight: 1,
				})
			}
		}
	}
	for k, v := range m.virtual {
		if !v.down {
			links[0] = append(links[0], RootLink{Link: v.link(k, v.to), Interface: fmt.Sprintf("v%d", k), Weight: 1, Transit: v.transit})
		}
	}
	for k, s := range m.stubs {
		if s.id == m.root {
			links[s.area] = append(links[s.area], RootLink{
				Link:      packet.RouterLink{ID: idOf(s.prefix), Data: maskOf(s.prefix), Type: packet.LinkStub, Metric: s.cost},
				Interface: fmt.Sprintf("s%d", k), Weight: 1,
			})
		}
	}
	return links
}

// areas returns the areas that the model speaks of.
func (m *model) areas() []packet.ID {
	seen := make(map[packet.ID]bool)
	for k := range m.lsas() {
		seen[k.area] = true
	}
	for a := range m.rootLinks() {
		seen[a] = true
	}
	return slices.Sorted(maps.Keys(seen))
}

// feed makes table t hold what the model says, given what it held before, and returns the effects.
func (m *model) feed(t *Table, before map[areaKey][]byte) (effect Effect, held map[areaKey][]byte) {
	held = m.lsas()
	for k := range before {
		if _, ok := held[k]; !ok {
			effect = max(effect, t.Remove(k.area, k.key))
		}
	}
	for _, k := range slices.SortedFunc(maps.Keys(held), compareAreaKeys) {
		if string(before[k]) != string(held[k]) {
			h, err := packet.DecodeLSAHeader(held[k])
			if err != nil {
				panic(err)
			}
			effect = max(effect, t.Install(k.area, h, held[k]))
		}
	}
	for _, a := range m.areas() {
		t.SetRoot(a, m.rootLinks()[a])
	}
	return effect, held
}

// fresh returns the full calculation of the model.
func (m *model) fresh(c Config) *Table {
	t := New(c)
	m.feed(t, nil)
	t.Run()
	t.Changes()
	return t
}

// show draws a table: one route a line.
func show(routes []Route) string {
	var b strings.Builder
	for _, r := range routes {
		fmt.Fprintln(&b, line(r))
	}
	return b.String()
}

func line(r Route) string {
	where := "-"
	if r.HasArea() {
		where = strconv.Itoa(int(r.Area))
	}
	cost := strconv.Itoa(int(r.Cost))
	if r.Type == External2 {
		cost = fmt.Sprintf("%d/%d", r.Type2Cost, r.Cost)
	}
	hops := r.NextHops.String()
	if hops == "" {
		hops = "nowhere"
	}
	s := fmt.Sprintf("%s %s area %s cost %s adv %d", r.Prefix, r.Type, where, cost, r.Advertiser)
	if r.Tag != 0 {
		s += fmt.Sprintf(" tag %d", r.Tag)
	}
	if r.Local {
		s += " local"
	}
	return s + " " + hops
}

// parse reads a model from lines of
//
//	p2p A B cost [cost back] [unnumbered] [half]
//	lan prefix A=cost B=cost …        the first one is the DR; the host part is the router's number
//	stub A prefix cost
//	flags A BE
//	sum A prefix cost, asbr A N cost
//	ext A prefix e1|e2 cost [via address] [tag n]
//
// with "area N" before lines of another area than 0, and "#" before remarks.
func parse(t testing.TB, text string) *model {
	t.Helper()
	m := &model{root: 1, flags: make(map[areaRouter]packet.RouterFlags)}
	var area packet.ID
	for _, l := range strings.Split(text, "\n") {
		l, _, _ = strings.Cut(l, "#")
		w := strings.Fields(l)
		if len(w) == 0 {
			continue
		}
		switch w[0] {
		case "area":
			area = packet.ID(number(t, w[1]))
		case "p2p":
			p := p2pLink{area: area, ends: [2]packet.ID{packet.ID(number(t, w[1])), packet.ID(number(t, w[2]))}}
			p.cost = [2]uint16{uint16(number(t, w[3])), uint16(number(t, w[3]))}
			for _, o := range w[4:] {
				switch o {
				case "unnumbered":
					p.unnumbered = true
				case "half":
					p.half = true
				default:
					p.cost[1] = uint16(number(t, o))
				}
			}
			m.p2p = append(m.p2p, p)
		case "lan":
			n := lan{area: area, prefix: netip.MustParsePrefix(w[1])}
			for _, o := range w[2:] {
				id, cost, _ := strings.Cut(o, "=")
				n.members = append(n.members, member{id: packet.ID(number(t, id)), host: number(t, id), cost: uint16(number(t, cost))})
			}
			m.lans = append(m.lans, n)
		case "stub":
			m.stubs = append(m.stubs, stubNet{area, packet.ID(number(t, w[1])), netip.MustParsePrefix(w[2]), uint16(number(t, w[3]))})
		case "flags":
			var f packet.RouterFlags
			if strings.Contains(w[2], "B") {
				f |= packet.RouterB
			}
			if strings.Contains(w[2], "E") {
				f |= packet.RouterE
			}
			m.flags[areaRouter{area, packet.ID(number(t, w[1]))}] = f
		case "sum":
			m.summaries = append(m.summaries, sumNet{area: area, adv: packet.ID(number(t, w[1])), prefix: netip.MustParsePrefix(w[2]), cost: uint32(number(t, w[3]))})
		case "asbr":
			m.summaries = append(m.summaries, sumNet{area: area, adv: packet.ID(number(t, w[1])), asbr: packet.ID(number(t, w[2])), cost: uint32(number(t, w[3]))})
		case "ext":
			e := extNet{adv: packet.ID(number(t, w[1])), prefix: netip.MustParsePrefix(w[2]), type2: w[3] == "e2", cost: uint32(number(t, w[4]))}
			for o := w[5:]; len(o) > 1; o = o[2:] {
				if o[0] == "via" {
					e.forward = packet.IDFromAddr(netip.MustParseAddr(o[1]))
				} else {
					e.tag = uint32(number(t, o[1]))
				}
			}
			m.externals = append(m.externals, e)
		default:
			t.Fatalf("what is %q?", l)
		}
	}
	return m
}

func number(t testing.TB, s string) int {
	t.Helper()
	n, err := strconv.Atoi(s)
	if err != nil {
		t.Fatal(err)
	}
	return n
}
