package config

import (
	"time"

	"github.com/ecmpd/ecmpd/ospf"
)

// bfd reads the BFD of an interface or a next hop: true, false, or a mapping that is on
// unless it says otherwise. The defaults, 300 ms and 3, are those of FRR.
func (r *report) bfd(raw *rawBFD) ospf.BFD {
	b := ospf.BFD{
		MinInterval: r.duration(raw.MinInterval, 300*time.Millisecond, 10*time.Millisecond, time.Minute, time.Millisecond),
		Multiplier:  uint8(r.number(raw.Multiplier, 3, 1, 255)),
	}
	enabled := false
	switch {
	case raw.Node == nil:
	case raw.Node.kind == scalar:
		enabled = r.boolean(raw.Node, false)
	default:
		enabled = r.boolean(raw.Enabled, true)
	}
	if !enabled {
		return ospf.BFD{}
	}
	return b
}

// faster returns the one that detects a failure sooner.
func faster(a, b ospf.BFD) ospf.BFD {
	if b.Multiplier == 0 || a.Multiplier > 0 && a.MinInterval*time.Duration(a.Multiplier) <= b.MinInterval*time.Duration(b.Multiplier) {
		return a
	}
	return b
}
