package spf

import (
	"fmt"
	"net/netip"
	"runtime"
	"testing"

	"github.com/ecmpd/ecmpd/ospf/packet"
)

// grid returns n x n routers with point-to-point links between neighbours and a /32
// stub each; the root is in the middle of it, so that most sets have several members.
func grid(n int) *model {
	m := &model{root: packet.ID(n*n/2 + n/2 + 1), flags: map[areaRouter]packet.RouterFlags{}}
	for i := range n * n {
		id := packet.ID(i + 1)
		link := func(to packet.ID) {
			m.p2p = append(m.p2p, p2pLink{ends: [2]packet.ID{id, to}, cost: [2]uint16{10, 10}})
		}
		if i%n != n-1 {
			link(id + 1)
		}
		if i/n != n-1 {
			link(id + packet.ID(n))
		}
		m.stubs = append(m.stubs, stubNet{id: id, prefix: netip.PrefixFrom((192<<24 | id).Addr(), 32), cost: 1})
	}
	return m
}

// flip is a router-LSA in two forms to be installed in turn.
type flip struct {
	h   packet.LSAHeader
	raw [2][]byte
}

func newFlip(m *model, id packet.ID, change func(*packet.RouterLSA)) *flip {
	h := packet.LSAHeader{Type: packet.LSRouter, ID: id, Adv: id, Seq: packet.InitialSeq}
	raw := m.lsas()[areaKey{0, h.Key()}]
	lsa, err := packet.DecodeRouterLSA(raw)
	if err != nil {
		panic(err)
	}
	change(&lsa)
	return &flip{h, [2][]byte{raw, packet.BuildLSA(h, lsa)}}
}

func (f *flip) install(t *Table, i int) Effect { return t.Install(0, f.h, f.raw[(i+1)%2]) }

func BenchmarkGrid(b *testing.B) {
	for _, n := range []int{71, 100} {
		m := grid(n)
		t := m.fresh(Config{RouterID: m.root})
		b.Run(fmt.Sprintf("%dx%d/full", n, n), func(b *testing.B) {
			// A link next to the root changes its cost and half of the routes with it.
			f := newFlip(m, m.root, func(r *packet.RouterLSA) { r.Links[0].Metric = 9 })
			for i := 0; b.Loop(); i++ {
				f.install(t, i)
				t.Run()
				if len(t.Changes()) < n {
					b.Fatal("too few changes")
				}
			}
		})
		b.Run(fmt.Sprintf("%dx%d/far-link", n, n), func(b *testing.B) {
			f := newFlip(m, 1, func(r *packet.RouterLSA) { r.Links[0].Metric = 9 })
			for i := 0; b.Loop(); i++ {
				f.install(t, i)
				t.Run()
				t.Changes()
			}
		})
		b.Run(fmt.Sprintf("%dx%d/stub", n, n), func(b *testing.B) {
			// The opposite corner: the links of router 1 may have been left either way.
			f := newFlip(m, packet.ID(n*n), func(r *packet.RouterLSA) { r.Links[len(r.Links)-1].Metric = 7 })
			f.install(t, 1)
			t.Run()
			t.Changes()
			for i := 0; b.Loop(); i++ {
				if f.install(t, i) != Leaf || len(t.Changes()) != 1 {
					b.Fatal("not one leaf")
				}
			}
		})
	}
}

// externalsModel is a root with two AS boundary routers at equal cost.
func externalsModel(t testing.TB) *model {
	return parse(t, `
		p2p 1 2 10
		p2p 1 3 10
		flags 2 E
		flags 3 E`)
}

func externalLSA(i int, adv packet.ID, metric uint32) (packet.LSAHeader, []byte) {
	h := packet.LSAHeader{Type: packet.LSExternal, ID: packet.ID(20<<24 + i<<8), Adv: adv, Seq: packet.InitialSeq}
	return h, packet.BuildLSA(h, packet.ExternalLSA{Mask: packet.MaskOf(24), Type2: true, Metric: metric})
}

const manyExternals = 100_000

func BenchmarkExternals(b *testing.B) {
	b.Run("memory", func(b *testing.B) {
		for b.Loop() {
			t := externalsModel(b).fresh(Config{RouterID: 1})
			before := heapInUse()
			for i := range manyExternals {
				h, raw := externalLSA(i, 2, 20)
				t.Install(0, h, raw)
			}
			if n := len(t.Changes()); n != manyExternals {
				b.Fatalf("%d routes", n)
			}
			b.ReportMetric(float64(heapInUse()-before)/manyExternals, "B/external")
			runtime.KeepAlive(t)
		}
	})
	t := externalsModel(b).fresh(Config{RouterID: 1})
	b.Run("load-two-asbrs", func(b *testing.B) {
		for b.Loop() {
			for _, adv := range []packet.ID{2, 3} {
				for i := range manyExternals {
					h, raw := externalLSA(i, adv, 20)
					t.Install(0, h, raw)
				}
			}
			t.Changes()
			b.StopTimer()
			for _, adv := range []packet.ID{2, 3} {
				for i := range manyExternals {
					h, _ := externalLSA(i, adv, 20)
					t.Remove(0, h.Key())
				}
			}
			t.Changes()
			b.StartTimer()
		}
	})
	for _, adv := range []packet.ID{2, 3} {
		for i := range manyExternals {
			h, raw := externalLSA(i, adv, 20)
			t.Install(0, h, raw)
		}
	}
	t.Changes()
	b.Run("asbr-moves", func(b *testing.B) {
		f := newFlip(externalsModel(b), 1, func(r *packet.RouterLSA) { r.Links[0].Metric = 9 })
		for i := 0; b.Loop(); i++ {
			f.install(t, i)
			t.Run()
			if len(t.Changes()) != manyExternals {
				b.Fatal("not every external moved")
			}
		}
	})
	b.Run("one-changes", func(b *testing.B) {
		for i := 0; b.Loop(); i++ {
			h, raw := externalLSA(77, 2, uint32(10+i%2))
			t.Install(0, h, raw)
			if len(t.Changes()) != 1 {
				b.Fatal("not one external")
			}
		}
	})
}

func heapInUse() uint64 {
	runtime.GC()
	runtime.GC()
	var s runtime.MemStats
	runtime.ReadMemStats(&s)
	return s.HeapAlloc
}
