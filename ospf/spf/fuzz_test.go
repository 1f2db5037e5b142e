package spf

import (
	"net/netip"
	"slices"
	"testing"

	"github.com/ecmpd/ecmpd/ospf/packet"
)

// FuzzInstall feeds a table any bytes as LSAs of a few routers. Nothing may panic, and the
// table must end up as one that gets the same database at once.
func FuzzInstall(f *testing.F) {
	f.Add([]byte{1, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 1, 1, 0, 0, 10}, uint8(3))
	f.Add([]byte("\x02\x02\xff\xff\xff\x00\x00\x00\x00\x01\x00\x00\x00\x02"), uint8(0))
	f.Add(slices.Repeat([]byte{5, 2, 0xff, 0xff, 0, 0, 0x80, 0, 0, 1, 10, 0, 0, 2, 0, 0, 0, 3}, 9), uint8(17))
	f.Fuzz(func(t *testing.T, program []byte, cut uint8) {
		links := []RootLink{
			{Link: packet.RouterLink{ID: 2, Type: packet.LinkPointToPoint}, Interface: "a", Gateway: packet.ID(10<<24 | 2).Addr()},
			{Link: packet.RouterLink{ID: 3, Type: packet.LinkTransit}, Interface: "b"},
		}
		everything := []netip.Prefix{netip.MustParsePrefix("0.0.0.0/1"), netip.MustParsePrefix("128.0.0.0/1")}
		table, held := New(Config{RouterID: 1}), map[areaKey][]byte{}
		table.SetRoot(0, links)
		length := 6 + int(cut)
		for n := 0; len(program) > 6; n++ {
			p := program[:min(len(program), length)]
			program = program[len(p):]
			h := packet.LSAHeader{
				Type: packet.LSType(p[0] % 6), Adv: packet.ID(p[1]%8) + 1, ID: packet.ID(p[2] % 8),
				Seq: packet.InitialSeq, Length: uint16(packet.LSAHeaderLen + len(p) - 4),
			}
			if h.ID == 0 || h.Type == packet.LSRouter {
				h.ID = h.Adv
			}
			area := packet.ID(p[3] % 2)
			if h.Type == packet.LSExternal {
				area = 0
			}
			k := areaKey{area, h.Key()}
			if p[3]&0x80 != 0 {
				table.Remove(area, h.Key())
				delete(held, k)
			} else {
				held[k] = append(h.Append(nil), p[4:]...)
				table.Install(area, h, held[k])
			}
			if p[3]&0x40 != 0 {
				table.Run()
			}
			if p[3]&0x20 != 0 {
				table.Changes()
			}
			if p[3]&0x10 != 0 {
				table.Shared(everything, func(netip.Prefix) (OwnExternal, bool) { return OwnExternal{Metric: 1}, p[3]&0x08 != 0 })
			}
		}
		table.Run()
		table.Changes()
		fresh := New(Config{RouterID: 1})
		fresh.SetRoot(0, links)
		for k, raw := range held {
			h, _ := packet.DecodeLSAHeader(raw)
			fresh.Install(k.area, h, raw)
		}
		fresh.Run()
		fresh.Changes()
		if got, want := show(slices.Collect(table.Routes())), show(slices.Collect(fresh.Routes())); got != want {
			t.Fatal(difference(got, want))
		}
		drain(t, table, held)
	})
}
