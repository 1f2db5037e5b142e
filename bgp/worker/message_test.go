package worker

import (
	"bytes"
	"encoding/gob"
	"net/netip"
	"reflect"
	"testing"

	"github.com/ecmpd/ecmpd/bgp"
)

// What the daemon announces is what the process is told: none and 0 are not the same.
func TestAnnouncementOnItsWay(t *testing.T) {
	value := func(v uint32) *uint32 { return &v }
	in := bgp.Announcement{Prefix: netip.MustParsePrefix("198.51.100.0/24"), Attributes: &bgp.Attributes{ASPath: bgp.PathOf(65001)}, Rule: "a rule"}
	for i, a := range []bgp.Adjustment{{}, {MED: value(0)}, {LocalPref: value(0)}, {MED: value(5), LocalPref: value(0)}, {MED: value(0), LocalPref: value(7), Prepend: 1}} {
		in.To = append(in.To, bgp.Target{Neighbor: netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(i)}), 32), Adjust: a})
	}
	var wire bytes.Buffer
	if err := gob.NewEncoder(&wire).Encode(request{Announce: []announcement{wrap(in)}}); err != nil {
		t.Fatal(err)
	}
	var r request
	if err := gob.NewDecoder(&wire).Decode(&r); err != nil {
		t.Fatal(err)
	}
	if out := r.Announce[0].unwrap(); !reflect.DeepEqual(out, in) {
		t.Errorf("got %+v, want %+v", out, in)
	}
}
