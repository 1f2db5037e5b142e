package speaker

import (
	"encoding/binary"
	"slices"

	"github.com/ecmpd/ecmpd/ospf"
)

// prioritise moves Hellos and acknowledgements before everything else of a turn, in their order (RFC 4222 2 (1)).
func prioritise(queue []ospf.Transmit) {
	if slices.IsSortedFunc(queue, byClass) {
		return
	}
	slices.SortStableFunc(queue, byClass)
}

func byClass(a, b ospf.Transmit) int { return class(a.Data) - class(b.Data) }

// class is 0 for what is urgent. Packets with a digest are not: they are numbered, and must not overtake
// each other. A Hello that lists nobody is not either: it may be a good-bye, after which nothing is heard.
func class(b []byte) int {
	const ackType, authDigest, emptyHello = 5, 2, 44
	if len(b) < ospfHeader || b[15] >= authDigest {
		return 1
	}
	switch b[1] {
	case helloType:
		if binary.BigEndian.Uint16(b[2:]) > emptyHello {
			return 0
		}
	case ackType:
		return 0
	}
	return 1
}
