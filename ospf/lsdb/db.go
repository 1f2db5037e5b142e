// Package lsdb holds the link state database of one flooding scope: an area, the
// AS, or one link (RFC 2328 section 12.2, RFC 5250 section 3).
//
// db.go is the database, entry.go one LSA and its age, index.go the order by
// key, expiry.go the order by the instant at which an LSA reaches MaxAge. The
// database judges nothing: what is newer (13.1), what may enter (13) and when an LSA
// leaves (14) are decisions of package ospf. Nothing here reads a clock.
package lsdb

import (
	"bytes"
	"iter"
	"maps"
	"slices"
	"time"

	"github.com/ecmpd/ecmpd/ospf/packet"
)

// DB is the database of one flooding scope. Every operation but [DB.All] and
// [DB.Type] costs at most the logarithm of its size.
type DB struct {
	types       map[packet.LSType]*index
	expiry      expiry
	count       int
	bytes       int
	weight      int
	byAdv       map[packet.ID]int
	demand      DemandCount
	fingerprint uint64
}

// DemandCount is what of a database counts for LSAs that do not grow old (RFC 1793 2.5).
type DemandCount struct {
	DoNotAge    int // LSAs that do not grow old
	Clear       int // LSAs without the DC bit, indication-LSAs among them
	Indications int // indication-LSAs (RFC 1793 2.5.1)
}

func (c *DemandCount) add(e *Entry, n int) {
	if e.Age&packet.DoNotAge != 0 {
		c.DoNotAge += n
	}
	if e.Options&packet.OptDC == 0 {
		c.Clear += n
	}
	if e.IsIndication() {
		c.Indications += n
	}
}

// New returns an empty database.
func New() *DB {
	return &DB{types: make(map[packet.LSType]*index), byAdv: make(map[packet.ID]int)}
}

// Lookup returns the instance with key k, also one at MaxAge, or nil.
func (d *DB) Lookup(k packet.Key) *Entry {
	if x := d.types[k.Type]; x != nil {
		return x.get(positionOf(k))
	}
	return nil
}

// Install puts a copy of the LSA raw into the database, replacing an older
// instance, and reports whether the contents changed in the sense of RFC 2328
// section 13.2. Entries are never changed by it: whoever still holds the older
// instance keeps it as it was. The caller has passed raw through
// [packet.CheckLSA]; Install returns nil when raw does not even hold a header.
func (d *DB) Install(now time.Time, raw []byte) (e *Entry, changed bool) {
	h, err := packet.DecodeLSAHeader(raw)
	if err != nil {
		return nil, false
	}
	e = &Entry{LSAHeader: h, Raw: bytes.Clone(raw), Installed: now}
	x := d.types[h.Type]
	if x == nil {
		x = new(index)
		d.types[h.Type] = x
	}
	old := x.put(e)
	if old != nil {
		d.forget(old)
	}
	d.count++
	d.bytes += len(e.Raw)
	d.weight += Weight(raw)
	d.byAdv[e.Adv]++
	d.demand.add(e, 1)
	d.fingerprint += e.fingerprint()
	d.expiry.push(e)
	return e, old == nil || differs(old, e, now)
}

// Remove takes the instance with key k out of the database, if there is one.
func (d *DB) Remove(k packet.Key) {
	x := d.types[k.Type]
	if x == nil {
		return
	}
	if e := x.remove(positionOf(k)); e != nil {
		d.forget(e)
	}
}

// forget takes e, which has left the index, out of everything else.
func (d *DB) forget(e *Entry) {
	d.count--
	d.bytes -= len(e.Raw)
	d.weight -= Weight(e.Raw)
	if d.byAdv[e.Adv]--; d.byAdv[e.Adv] == 0 {
		delete(d.byAdv, e.Adv)
	}
	d.demand.add(e, -1)
	d.fingerprint -= e.fingerprint()
	d.expiry.remove(e)
}

// Len returns the number of LSAs.
func (d *DB) Len() int { return d.count }

// Bytes returns the length of all LSAs, headers included.
func (d *DB) Bytes() int { return d.bytes }

// Demand returns how many LSAs have to do with demand circuits.
func (d *DB) Demand() DemandCount { return d.demand }

// Weight returns the sum of the weights of all LSAs.
func (d *DB) Weight() int { return d.weight }

// Weight is how many networks the LSA raw can announce, at least 1: a router-LSA
// of 64 KB has five thousand stub links, and each may become a route.
func Weight(raw []byte) int {
	const header, link = packet.LSAHeaderLen + 4, 12
	if len(raw) < packet.LSAHeaderLen || packet.LSType(raw[3]) != packet.LSRouter {
		return 1
	}
	return max(1, (len(raw)-header)/link)
}

// Count returns the number of LSAs of type t.
func (d *DB) Count(t packet.LSType) int {
	if x := d.types[t]; x != nil {
		return x.len
	}
	return 0
}

// CountAdv returns the number of LSAs that adv is the advertising router of.
func (d *DB) CountAdv(adv packet.ID) int { return d.byAdv[adv] }

// All yields the LSAs in the order of their keys. The database may change
// meanwhile: what leaves ahead of the current LSA is not seen, what enters may
// be seen, and everything that stays is seen exactly once.
func (d *DB) All() iter.Seq[*Entry] {
	return func(yield func(*Entry) bool) {
		for _, t := range slices.Sorted(maps.Keys(d.types)) {
			if !d.types[t].all(yield) {
				return
			}
		}
	}
}

// Type yields the LSAs of type t like [DB.All].
func (d *DB) Type(t packet.LSType) iter.Seq[*Entry] {
	return func(yield func(*Entry) bool) {
		if x := d.types[t]; x != nil {
			x.all(yield)
		}
	}
}

// After returns up to n LSAs behind the key k in the order of keys; behind the zero key are all.
func (d *DB) After(k packet.Key, n int) []*Entry {
	var list []*Entry
	for _, t := range slices.Sorted(maps.Keys(d.types)) {
		x, b, i := d.types[t], 0, 0
		switch {
		case t < k.Type:
			continue
		case t == k.Type:
			b, i = x.after(positionOf(k))
		}
		for ; b < len(x.blocks); b, i = b+1, 0 {
			for ; i < len(x.blocks[b]); i++ {
				if len(list) == n {
					return list
				}
				list = append(list, x.blocks[b][i].entry)
			}
		}
	}
	return list
}

// NextAging returns the earliest instant at which an LSA reaches MaxAge, and
// false when none will. LSAs that [DB.Expire] has reported do not count.
func (d *DB) NextAging() (time.Time, bool) { return d.expiry.next() }

// Expire returns, in the order of their keys, the LSAs that have reached MaxAge
// by growing old (RFC 2328 section 14). Each instance is returned once; it stays in
// the database. An instance that was MaxAge when it was installed is never returned.
func (d *DB) Expire(now time.Time) []*Entry { return d.expiry.pop(now) }

// Fingerprint returns a hash over the key, sequence number and checksum of all
// LSAs that does not depend on their order: equal in synchronised databases.
func (d *DB) Fingerprint() uint64 { return d.fingerprint }
