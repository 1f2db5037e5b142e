package rib

import (
	"github.com/ecmpd/ecmpd/internal/footprint"
	"github.com/ecmpd/ecmpd/ipv4"
)

// Memory is about how many bytes the table takes; each prefix is counted with one candidate.
func (t *Table) Memory() int {
	return footprint.Map[ipv4.Prefix, *candidate](len(t.routes)) + len(t.routes)*footprint.Of[candidate]()
}
