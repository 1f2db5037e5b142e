package lsdb

import (
	"slices"

	"github.com/ecmpd/ecmpd/ospf/packet"
)

// blockSize bounds a block of the index: what one insertion moves.
const blockSize = 512

// position is the place of an LSA among those of its type: link state ID, then
// advertising router.
type position uint64

func positionOf(k packet.Key) position { return position(k.ID)<<32 | position(k.Adv) }

// index holds the entries of one LS type in ascending order of their
// positions, cut into blocks of which none is empty.
type index struct {
	blocks  [][]slot
	len     int
	version int // counts the changes of the blocks' shape
}

type slot struct {
	pos   position
	entry *Entry
}

// find returns where pos is or belongs, and whether it is there.
func (x *index) find(pos position) (block, i int, found bool) {
	// The last block whose first position is not behind pos.
	block, exact := slices.BinarySearchFunc(x.blocks, pos, func(b []slot, pos position) int {
		return compare(b[0].pos, pos)
	})
	if !exact {
		block = max(0, block-1)
	}
	if block == len(x.blocks) {
		return block, 0, false
	}
	i, found = slices.BinarySearchFunc(x.blocks[block], pos, func(s slot, pos position) int {
		return compare(s.pos, pos)
	})
	return block, i, found
}

func compare(a, b position) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

func (x *index) get(pos position) *Entry {
	if b, i, ok := x.find(pos); ok {
		return x.blocks[b][i].entry
	}
	return nil
}

// put files e and returns the entry that it replaces, or nil.
func (x *index) put(e *Entry) (old *Entry) {
	pos := positionOf(e.Key())
	b, i, found := x.find(pos)
	if found {
		old = x.blocks[b][i].entry
		x.blocks[b][i].entry = e
		return old
	}
	x.len++
	x.version++
	if len(x.blocks) == 0 {
		x.blocks = [][]slot{{{pos, e}}}
		return nil
	}
	block := slices.Insert(x.blocks[b], i, slot{pos, e})
	x.blocks[b] = block
	if len(block) < blockSize {
		return nil
	}
	// Split; where the blocks fill in order, as with a sorted download, keep
	// the first one nearly full.
	cut := len(block) / 2
	if i == len(block)-1 {
		cut = len(block) - 1
	}
	x.blocks = slices.Insert(x.blocks, b+1, slices.Clone(block[cut:]))
	clear(block[cut:])
	x.blocks[b] = slices.Clip(block[:cut])
	return nil
}

// remove takes out the entry at pos and returns it, or nil.
func (x *index) remove(pos position) *Entry {
	b, i, found := x.find(pos)
	if !found {
		return nil
	}
	e := x.blocks[b][i].entry
	x.len--
	x.version++
	if x.blocks[b] = slices.Delete(x.blocks[b], i, i+1); len(x.blocks[b]) == 0 {
		x.blocks = slices.Delete(x.blocks, b, b+1)
	}
	return e
}

// all yields the entries in order until yield wants no more, and reports
// whether it wanted them all. The index may change meanwhile.
func (x *index) all(yield func(*Entry) bool) bool {
	b, i := 0, 0
	for b < len(x.blocks) {
		if i == len(x.blocks[b]) {
			b, i = b+1, 0
			continue
		}
		s, version := x.blocks[b][i], x.version
		if !yield(s.entry) {
			return false
		}
		i++
		if version != x.version {
			b, i = x.after(s.pos)
		}
	}
	return true
}

// after returns where the first entry behind pos is.
func (x *index) after(pos position) (block, i int) {
	block, i, found := x.find(pos)
	if found {
		i++
	}
	return block, i
}
