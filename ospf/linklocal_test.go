package ospf

import (
	"testing"

	"github.com/ecmpd/ecmpd/ospf/packet"
)

// RFC 5613 2: what a neighbour signals behind its Hellos and Database Description packets is shown; a bad block
// is counted, and the packet counts all the same.
func TestLinkLocal5613(t *testing.T) {
	block := []byte{0xff, 0xf6, 0, 3, 0, 1, 0, 4, 0, 0, 0, 1}
	bad := []byte{0xff, 0xf6, 0, 4, 0, 1, 0, 4, 0, 0, 0, 1}
	l := newLab(t)
	p := l.peer("tun0", "2.2.2.2", "10.1.0.2")
	hi := func(options packet.Options, behind []byte) {
		h := p.hello
		h.Options |= options
		d := p.datagram(allSPFRouters, &h)
		d.Data = append(d.Data, behind...)
		l.step(d)
	}
	shown := func() string { return l.e.Neighbors(l.now)[0].Extended.String() }
	hi(packet.OptL, block)
	l.wantState(p, nbrExStart)
	if shown() != "LR" {
		t.Errorf("extended options %s", shown())
	}
	hi(0, block) // the L bit decides
	if shown() != "-" || l.rejected("tun0", RejectLLS) != 0 {
		t.Errorf("without the L bit extended options %s, %d refused", shown(), l.rejected("tun0", RejectLLS))
	}
	hi(packet.OptL, bad)
	hi(packet.OptL, nil)
	if shown() != "-" || l.rejected("tun0", RejectLLS) != 2 {
		t.Errorf("extended options %s of bad blocks, %d refused", shown(), l.rejected("tun0", RejectLLS))
	}
	// The L bit speaks of one packet: it is no change of options in the exchange.
	p.opts |= packet.OptL
	p.dd(packet.DDInit|packet.DDMore|packet.DDMaster, p.seq)
	p.opts &^= packet.OptL
	p.describe()
	l.wantState(p, nbrFull)
	for _, s := range l.take() {
		switch b := s.body.(type) {
		case *packet.Hello:
			if b.Options&packet.OptL != 0 {
				t.Error("our Hello has the L bit")
			}
		case *packet.DBDesc:
			if b.Options&packet.OptL != 0 {
				t.Error("our Database Description has the L bit")
			}
		}
	}
}
