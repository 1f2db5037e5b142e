package lsdb

import (
	"github.com/ecmpd/ecmpd/internal/footprint"
	"github.com/ecmpd/ecmpd/ospf/packet"
)

// Memory is about how many bytes the database takes: contents, entries, their places in
// the orders by key and by age.
func (d *DB) Memory() int {
	slots := 0
	for _, x := range d.types {
		for _, b := range x.blocks {
			slots += cap(b)
		}
	}
	return d.bytes + d.count*footprint.Of[Entry]() + slots*footprint.Of[slot]() +
		cap(d.expiry.heap)*footprint.Of[*Entry]() + footprint.Map[packet.ID, int](len(d.byAdv))
}
