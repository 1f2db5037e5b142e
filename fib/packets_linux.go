package fib

import (
	"golang.org/x/sys/unix"
)

// What a nexthop group counts (Linux 6.9).
const (
	nhaOpFlags      = 14
	nhaGroupStats   = 15
	opFlagStats     = 1
	statsEntry      = 1
	statsEntryID    = 1
	statsEntryCount = 2
)

// Packets returns what the kernel has sent over each member of each group since
// the group was last written: by id of the group, then of the member's object. It
// is nil before Linux 6.9, which counts nothing.
func (t *Table) Packets() map[uint32]map[uint32]uint64 { return t.kernel.packets() }

func (k *kernel) packets() (counted map[uint32]map[uint32]uint64) {
	body := appendAttr32(make([]byte, unix.SizeofNhmsg), nhaOpFlags, opFlagStats)
	err := k.conn.dump(unix.RTM_GETNEXTHOP, body, func() {
		counted = map[uint32]map[uint32]uint64{}
	}, func(m message) error {
		if len(m.body) < unix.SizeofNhmsg {
			return errShort
		}
		var id uint32
		members := map[uint32]uint64{}
		err := eachAttr(m.body[unix.SizeofNhmsg:], func(typ uint16, v []byte) {
			switch {
			case typ == unix.NHA_ID && len(v) == 4:
				id = native.Uint32(v)
			case typ == nhaGroupStats:
				_ = eachAttr(v, func(typ uint16, v []byte) { // what is cut short counts nothing
					if typ == statsEntry {
						member, n := parseCount(v)
						members[member] = n
					}
				})
			}
		})
		if len(members) > 0 {
			counted[id] = members
		}
		return err
	})
	if err != nil || len(counted) == 0 {
		return nil
	}
	return counted
}

// parseCount reads the count of one member, which the kernel writes in four
// bytes while these will do.
func parseCount(b []byte) (member uint32, n uint64) {
	_ = eachAttr(b, func(typ uint16, v []byte) {
		switch {
		case typ == statsEntryID && len(v) == 4:
			member = native.Uint32(v)
		case typ == statsEntryCount && len(v) == 4:
			n = uint64(native.Uint32(v))
		case typ == statsEntryCount && len(v) == 8:
			n = native.Uint64(v)
		}
	})
	return member, n
}
