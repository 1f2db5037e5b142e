package fib

import (
	"github.com/ecmpd/ecmpd/internal/footprint"
	"github.com/ecmpd/ecmpd/ipv4"
)

// Memory is about how many bytes the wanted and the observed routes take, and how many of ours the
// kernel holds.
func (t *Table) Memory() (bytes, routes int) {
	routes = len(t.obs.routes)
	return footprint.Map[ipv4.Prefix, *setUse](len(t.want.routes)) + footprint.Map[ipv4.Prefix, target](routes), routes
}
