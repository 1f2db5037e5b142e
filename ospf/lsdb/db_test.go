package lsdb

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/ecmpd/ecmpd/ospf/packet"
)

var start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func at(seconds float64) time.Time { return start.Add(time.Duration(seconds * float64(time.Second))) }

// lsa returns an external with the given identity; tag makes bodies differ.
func lsa(id, adv packet.ID, seq packet.Seq, age uint16, tag uint32) []byte {
	h := packet.LSAHeader{Age: age, Options: packet.OptE, Type: packet.LSExternal, ID: id, Adv: adv, Seq: seq}
	return packet.BuildLSA(h, packet.ExternalLSA{Mask: packet.MaskOf(24), Metric: 1, Tag: tag})
}

func key(id, adv packet.ID) packet.Key {
	return packet.Key{Type: packet.LSExternal, ID: id, Adv: adv}
}

func TestAge(t *testing.T) {
	for _, tt := range []struct {
		age     uint16
		seconds float64
		extra   uint16
		want    uint16
	}{
		{0, 0, 0, 0}, {0, 0.999, 0, 0}, {0, 1, 0, 1}, {10, 5, 1, 16}, {10, -7, 0, 10},
		{3599, 0, 0, 3599}, {3599, 1, 0, 3600}, {3599, 0, 1, 3600}, {3600, 9, 9, 3600}, {0, 1e7, 65535, 3600},
		{packet.DoNotAge | 5, 100, 0, packet.DoNotAge | 5}, {packet.DoNotAge | 5, 100, 1, packet.DoNotAge | 6},
		{packet.DoNotAge | 3600, 100, 1, packet.DoNotAge | 3600},
	} {
		d := New()
		raw := lsa(1, 1, 1, tt.age, 0)
		e, _ := d.Install(start, raw)
		sent := e.AppendAt([]byte{0xee}, at(tt.seconds), tt.extra)
		h, err := packet.DecodeLSAHeader(sent[1:])
		if err != nil || h.Age != tt.want {
			t.Errorf("age %#x after %g+%d s is sent as %#x (%v), want %#x", tt.age, tt.seconds, tt.extra, h.Age, err, tt.want)
		}
		if tt.extra == 0 && (e.AgeAt(at(tt.seconds)) != tt.want || e.HeaderAt(at(tt.seconds)).Age != tt.want) {
			t.Errorf("age %#x after %g s is %#x, want %#x", tt.age, tt.seconds, e.AgeAt(at(tt.seconds)), tt.want)
		}
		if !slices.Equal(e.Raw, raw) || !slices.Equal(sent[3:], raw[2:]) {
			t.Errorf("more than the age was changed: %x", sent)
		}
	}
}

// TestChanged is RFC 2328 13.2: which difference counts.
func TestChanged(t *testing.T) {
	base := lsa(1, 1, 1, 10, 7)
	options := lsa(1, 1, 2, 10, 7)
	options[2] |= byte(packet.OptDC)
	longer := append(slices.Clone(base), make([]byte, 12)...)
	for _, tt := range []struct {
		name string
		next []byte
		when float64
		want bool
	}{
		{"refresh", lsa(1, 1, 2, 0, 7), 0, false},
		{"age only", lsa(1, 1, 1, 900, 7), 0, false},
		{"body", lsa(1, 1, 2, 10, 8), 0, true},
		{"options", options, 0, true},
		{"length", longer, 0, true},
		{"now at MaxAge", lsa(1, 1, 1, packet.MaxAge, 7), 0, true},
		{"now at MaxAge with DoNotAge", lsa(1, 1, 1, packet.MaxAge|packet.DoNotAge, 7), 0, true},
		{"both at MaxAge", lsa(1, 1, 1, packet.MaxAge, 7), 3600, false},
		{"grown old, then refreshed", lsa(1, 1, 2, 0, 7), 3600, true},
	} {
		d := New()
		old, changed := d.Install(start, base)
		if !changed {
			t.Error("a new LSA is no change")
		}
		e, changed := d.Install(at(tt.when), tt.next)
		if changed != tt.want {
			t.Errorf("%s: changed is %v", tt.name, changed)
		}
		if d.Lookup(key(1, 1)) != e || e == old || d.Len() != 1 || old.Age != 10 || !slices.Equal(old.Raw, base) {
			t.Errorf("%s: the old instance was changed or not replaced", tt.name)
		}
	}
	d := New()
	raw := slices.Clone(base)
	e, _ := d.Install(start, raw)
	if raw[30]++; !slices.Equal(e.Raw, base) {
		t.Error("the entry aliases what was installed")
	}
	if e, _ := d.Install(start, base[:19]); e != nil || d.Len() != 1 {
		t.Error("half a header was installed")
	}
}

func TestExpire(t *testing.T) {
	d := New()
	if _, ok := d.NextAging(); ok {
		t.Error("an empty database ages")
	}
	d.Install(start, lsa(3, 1, 1, 3590, 0))               // at 10 s
	d.Install(start, lsa(1, 1, 1, 3590, 0))               // at 10 s
	d.Install(start, lsa(2, 1, 1, 3580, 0))               // at 20 s
	d.Install(start, lsa(4, 1, 1, packet.MaxAge, 0))      // was MaxAge when it came
	d.Install(start, lsa(5, 1, 1, packet.DoNotAge|10, 0)) // never
	d.Install(start, lsa(6, 1, 1, 3595, 0))               // at 5 s, but
	d.Install(at(4), lsa(6, 1, 2, 3000, 0))               // refreshed
	d.Install(start, lsa(7, 1, 1, 3599, 0))               // at 1 s, but
	d.Remove(key(7, 1))                                   // removed
	next := func(want float64) {
		t.Helper()
		if when, ok := d.NextAging(); !ok || !when.Equal(at(want)) {
			t.Errorf("next ageing at %v %v, want %v", when, ok, at(want))
		}
	}
	expire := func(now float64, want ...packet.ID) {
		t.Helper()
		var got []packet.ID
		for _, e := range d.Expire(at(now)) {
			if e.AgeAt(at(now)) != packet.MaxAge || d.Lookup(e.Key()) != e {
				t.Errorf("%v expired at age %d or left", e.Key(), e.AgeAt(at(now)))
			}
			got = append(got, e.ID)
		}
		if !slices.Equal(got, want) {
			t.Errorf("at %g s %v expired, want %v", now, got, want)
		}
	}
	next(10)
	expire(9.999)
	expire(10, 1, 3)
	expire(10)
	next(20)
	d.Install(at(11), lsa(1, 1, 2, 3599, 0)) // the next instance is reported again
	next(12)
	expire(25, 1, 2)
	next(604)
	d.Remove(key(1, 1)) // no longer waiting for anything
	expire(1e6, 6)
	if _, ok := d.NextAging(); ok {
		t.Error("something is left to age")
	}
}

// TestRandom compares with a plain map, in small and large databases.
func TestRandom(t *testing.T) {
	for _, keys := range []int{20, 3000} {
		rng := rand.New(rand.NewPCG(uint64(keys), 1))
		d, model := New(), map[packet.Key][]byte{}
		for step := range 4 * keys {
			id, adv := packet.ID(rng.IntN(keys)), packet.ID(1+rng.IntN(3))
			h := packet.LSAHeader{Type: []packet.LSType{1, 5, 11}[rng.IntN(3)], ID: id, Adv: adv, Seq: packet.Seq(step + 1), Age: uint16(rng.IntN(3601))}
			if rng.IntN(3) == 0 {
				d.Remove(h.Key())
				delete(model, h.Key())
				continue
			}
			raw := packet.BuildLSA(h, packet.OpaqueLSA(make([]byte, 4*rng.IntN(5))))
			d.Install(start, raw)
			model[h.Key()] = raw
		}
		check(t, d, model)
		// The same LSAs in another order: the same fingerprint.
		other := New()
		for _, raw := range model { // map order is the point here
			other.Install(at(5), raw)
		}
		if other.Fingerprint() != d.Fingerprint() || d.Fingerprint() == 0 {
			t.Errorf("fingerprints %x and %x", d.Fingerprint(), other.Fingerprint())
		}
		for k := range model {
			d.Remove(k)
		}
		check(t, d, nil)
		if d.Fingerprint() != 0 || d.Bytes() != 0 || d.Weight() != 0 || len(d.byAdv) != 0 || len(d.expiry.heap) != 0 {
			t.Errorf("the empty database holds something: %+v", d)
		}
	}
}

func check(t *testing.T, d *DB, model map[packet.Key][]byte) {
	t.Helper()
	var keys []packet.Key
	size := 0
	for e := range d.All() {
		if string(model[e.Key()]) != string(e.Raw) || d.Lookup(e.Key()) != e {
			t.Fatalf("%v does not hold what was installed", e.Key())
		}
		keys = append(keys, e.Key())
		size += len(e.Raw)
	}
	if len(keys) != len(model) || d.Len() != len(model) || d.Bytes() != size {
		t.Fatalf("%d LSAs listed, %d counted, want %d", len(keys), d.Len(), len(model))
	}
	if !slices.IsSortedFunc(keys, packet.Key.Compare) {
		t.Fatal("not in the order of keys")
	}
	for _, typ := range []packet.LSType{0, 1, 5, 11, 255} {
		n := 0
		for e := range d.Type(typ) {
			if e.Type != typ {
				t.Fatalf("%v listed under %v", e.Key(), typ)
			}
			n++
		}
		if n != d.Count(typ) {
			t.Fatalf("%d of type %v listed, %d counted", n, typ, d.Count(typ))
		}
	}
	for adv := packet.ID(0); adv < 5; adv++ {
		n := 0
		for k := range model {
			if k.Adv == adv {
				n++
			}
		}
		if d.CountAdv(adv) != n {
			t.Fatalf("%d of %v, want %d", d.CountAdv(adv), adv, n)
		}
	}
}

// TestFingerprint: key, sequence number and checksum each count.
func TestFingerprint(t *testing.T) {
	seen := map[uint64]string{}
	for _, raw := range [][]byte{lsa(1, 1, 1, 0, 0), lsa(2, 1, 1, 0, 0), lsa(1, 2, 1, 0, 0), lsa(1, 1, 2, 0, 0), lsa(1, 1, 1, 0, 1)} {
		d := New()
		d.Install(start, raw)
		if other, ok := seen[d.Fingerprint()]; ok {
			t.Errorf("%x has the fingerprint of %s", raw, other)
		}
		seen[d.Fingerprint()] = fmt.Sprintf("%x", raw)
	}
	d := New()
	d.Install(start, lsa(1, 1, 1, 500, 0))
	if _, ok := seen[d.Fingerprint()]; !ok {
		t.Error("the age counts")
	}
}

// TestChangeWhileIterating removes, replaces and adds LSAs under a running iteration.
func TestChangeWhileIterating(t *testing.T) {
	const n = 2000
	d := New()
	for i := range packet.ID(n) {
		d.Install(start, lsa(10*i, 1, 1, 0, 0))
	}
	var seen []packet.ID
	for e := range d.All() {
		seen = append(seen, e.ID)
		if e.ID%10 != 0 {
			continue // was added meanwhile
		}
		switch i := e.ID / 10; i % 4 {
		case 0:
			d.Remove(e.Key())
		case 1:
			d.Install(start, lsa(e.ID, 1, 2, 0, 0))
			d.Remove(key(e.ID+10, 1))
		case 3:
			d.Install(start, lsa(e.ID-5, 1, 1, 0, 0)) // behind: not seen
			d.Install(start, lsa(e.ID+5, 1, 1, 0, 0)) // ahead: seen
		}
	}
	var want []packet.ID
	for i := range packet.ID(n) {
		if i%4 != 2 {
			want = append(want, 10*i)
		}
		if i%4 == 3 {
			want = append(want, 10*i+5)
		}
	}
	if !slices.Equal(seen, want) {
		t.Errorf("saw %d LSAs, want %d", len(seen), len(want))
	}
	for range d.All() {
		break
	}
}

func BenchmarkInstall(b *testing.B) {
	const n = 100_000
	for b.Loop() {
		var before, after runtime.MemStats
		b.StopTimer()
		runtime.GC()
		runtime.ReadMemStats(&before)
		b.StartTimer()
		d := New()
		for i := range packet.ID(n) {
			d.Install(start, lsa(i*2654435761, 1, 1, 0, 0))
		}
		b.StopTimer()
		runtime.GC()
		runtime.ReadMemStats(&after)
		b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/n, "B/LSA")
		runtime.KeepAlive(d)
		b.StartTimer()
	}
}

func BenchmarkLookup(b *testing.B) {
	const n = 100_000
	d := New()
	for i := range packet.ID(n) {
		d.Install(start, lsa(i<<8, 1, 1, 0, 0))
	}
	i := packet.ID(0)
	for b.Loop() {
		if i += 7919; d.Lookup(key(i%n<<8, 1)) == nil {
			b.Fatal("lost")
		}
	}
}

// TestWeight: an LSA weighs as much as it can announce.
func TestWeight(t *testing.T) {
	router := func(links int) []byte {
		h := packet.LSAHeader{Type: packet.LSRouter, ID: 1, Adv: 1, Seq: 1}
		return packet.BuildLSA(h, packet.RouterLSA{Links: make([]packet.RouterLink, links)})
	}
	for want, raw := range map[int][]byte{1: router(0), 3: router(3), 5000: router(5000)} {
		if got := Weight(raw); got != want {
			t.Errorf("a router-LSA of %d bytes weighs %d, want %d", len(raw), got, want)
		}
	}
	d := New()
	d.Install(start, router(7))
	d.Install(start, lsa(1, 1, 1, 0, 0))
	if d.Weight() != 8 {
		t.Errorf("weight %d, want 8", d.Weight())
	}
	d.Install(start, router(2)) // in place of the other one
	if d.Weight() != 3 {
		t.Errorf("weight %d, want 3", d.Weight())
	}
}

// TestAfter walks a database in parts of several sizes, while it changes.
func TestAfter(t *testing.T) {
	for _, n := range []int{1, 7, 600, 5000} {
		d := New()
		for i := range packet.ID(2000) {
			d.Install(start, lsa(i, 1+i%3, 1, 0, 0))
		}
		h := packet.LSAHeader{Type: packet.LSRouter, ID: 9, Adv: 9, Seq: 1}
		d.Install(start, packet.BuildLSA(h, packet.RouterLSA{}))
		seen, last := 0, packet.Key{}
		for list := d.After(last, n); len(list) > 0; list = d.After(last, n) {
			for _, e := range list {
				if last.Compare(e.Key()) >= 0 {
					t.Fatalf("%v after %v", e.Key(), last)
				}
				last = e.Key()
				seen++
			}
			d.Remove(last) // where the next part begins
		}
		if seen != 2001 {
			t.Errorf("%d LSAs in parts of %d", seen, n)
		}
	}
}
