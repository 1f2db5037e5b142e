package firewall

import (
	"errors"
	"fmt"
	"slices"
)

// ForgetMarked removes the entries with one of the marks under the mask, and returns how many they
// were. Entries without a mark there stay in any case.
func (c *Conntrack) ForgetMarked(mask uint32, marks []uint32) (removed int, err error) {
	var failed error
	fits := func(e entry) bool { return e.mark&mask != 0 && slices.Contains(marks, e.mark&mask) }
	err = c.each(func() func(entry) bool { return fits }, func(entries []entry) {
		n, err := c.delete(entries)
		removed += n
		if failed == nil {
			failed = err
		}
	})
	return removed, errors.Join(failed, err)
}

// CountMarked counts the entries by their mark under the mask.
func (c *Conntrack) CountMarked(mask uint32) (map[uint32]int, error) {
	n := make(map[uint32]int)
	count := func(e entry) bool { n[e.mark&mask]++; return false }
	err := c.each(func() func(entry) bool { return count }, func([]entry) {})
	return n, err
}

// UplinkCounters are what the rules of [Uplinks] counted since they were written.
type UplinkCounters struct {
	New     map[uint32]uint64 // connections that a way was given, by its mark
	Choices []uint64          // connections that each choice decided about
}

// UplinkCounters reads the counters of what Apply was given last.
func (f *Firewall) UplinkCounters() (UplinkCounters, error) {
	c := UplinkCounters{New: map[uint32]uint64{}}
	if f.wanted.Uplinks.Empty() {
		return c, nil
	}
	t := table{chains: map[string]chain{}}
	if err := f.readChains(&t); err != nil {
		return c, fmt.Errorf("read the counters of table inet %s: %w", tableName, err)
	}
	for _, w := range f.wanted.Uplinks.Ways {
		for _, r := range t.chains[chainOf(prefixTake, w.Mark)].rules {
			c.New[w.Mark] += r.packets()
		}
	}
	for i, r := range t.chains[chainUplinkNew].rules {
		if i < len(f.wanted.Uplinks.Choices) {
			c.Choices = append(c.Choices, r.packets())
		}
	}
	return c, nil
}

// MarkOf returns the mark of the connection that a packet belongs to, in either direction. ok is
// false when there is none. Protocols are not told apart beyond their ports.
func (c *Conntrack) MarkOf(p Packet) (mark uint32, ok bool, err error) {
	packet := tuple{p.Source, p.Destination, p.SourcePort, p.DestinationPort}
	fits := func(e entry) bool { return e.orig == packet || e.reply == packet }
	err = c.each(func() func(entry) bool { return fits }, func(entries []entry) { mark, ok = entries[0].mark, true })
	return mark, ok, err
}
