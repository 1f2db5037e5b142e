package ospf

import "math"

// sequences are the cryptographic sequence numbers that this router sends: of
// authentication type 2 one for each interface, which follows the clock and goes up
// with every packet (RFC 2328 D.4.3 (5)); of type 3 one for the router, under a boot
// count (RFC 7474 2).
type sequences struct {
	boot     uint32 // of RFC 7474
	packets  uint32 // sent under it
	highest  uint32 // of type 2 on any interface, in this run and those before
	reserved uint32 // of type 2: what [Reserve] said last
}

// reserveAhead is how far ahead of what is in use sequence numbers are reserved.
// One is used up in a second on a quiet interface.
const reserveAhead = 3600

// nextSequence is the sequence number of the next packet.
func (i *iface) nextSequence(extended bool) uint64 {
	q := &i.e.sequences
	if extended {
		if q.packets == math.MaxUint32 { // RFC 7474 2: the boot count takes the carry
			q.boot, q.packets = q.boot+1, 0
			i.e.reserve()
		}
		q.packets++
		return uint64(q.boot)<<32 | uint64(q.packets)
	}
	wall := uint32(min(max(i.e.wall().Unix(), 0), math.MaxUint32))
	switch {
	case i.sequence == 0: // a new interface, whose neighbours may know the one it replaces
		i.sequence = max(wall, q.highest, 1)
	case i.sequence == math.MaxUint32: // D.3: neighbours fall for a dead interval
		i.sequence = wall
		q.highest, q.reserved = wall, 0
	default:
		i.sequence = max(wall, i.sequence+1)
	}
	q.highest = max(q.highest, i.sequence)
	if uint64(q.highest)+reserveAhead/2 > uint64(q.reserved) {
		q.reserved = uint32(min(uint64(q.highest)+reserveAhead, math.MaxUint32))
		i.e.reserve()
	}
	return uint64(i.sequence)
}

// reserve asks for the numbers to be stored.
func (e *Engine) reserve() {
	e.emit(Reserve{Boot: e.sequences.boot, Sequence: max(e.sequences.reserved, e.sequences.highest)})
}

// resume takes the numbers of earlier runs over.
func (e *Engine) resume(s Sequences) {
	e.sequences = sequences{boot: s.Boot, highest: s.First}
}
