package ospf

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/ecmpd/ecmpd/ospf/packet"
)

// threeLinks is a lab with a second numbered tunnel and neither LAN nor
// unnumbered tunnel; nobody has been heard yet.
func threeLinks(t *testing.T) *lab {
	return newLab(t, func(l *lab) {
		l.links[1] = Link{Name: "tun2", Index: 2, MTU: 1400, Up: true, PointToPoint: true, Addrs: []LinkAddr{{Addr: pfx("10.2.0.1/30")}}}
		l.links = l.links[:3]
	})
}

// neighborsAnnounced lists the point-to-point links of our router-LSA that the
// engine has sent; nothing when it has sent none.
func neighborsAnnounced(l *lab) string {
	said := ""
	for _, s := range l.take() {
		u, ok := s.body.(*packet.LSUpdate)
		if !ok {
			continue
		}
		for _, raw := range u.LSAs {
			h := header(raw)
			if h.Adv != self || h.Type != packet.LSRouter {
				continue
			}
			r, err := packet.DecodeRouterLSA(raw)
			if err != nil {
				l.t.Fatal(err)
			}
			said = fmt.Sprintf("seq %d age %t", h.Seq, h.Age >= packet.MaxAge)
			for _, k := range r.Links {
				if k.Type == packet.LinkPointToPoint {
					said += " " + k.ID.String()
				}
			}
		}
	}
	return said
}

// 12.4: the first router-LSA waits for point-to-point links on which nobody has
// been heard yet, but not for long; and it does not wait when there are none.
func TestOriginate12_4_FirstRouterLSA(t *testing.T) {
	first := fmt.Sprintf("seq %d age false", packet.InitialSeq)
	for _, c := range []struct {
		name  string
		after time.Duration // that the second neighbour comes
		at    time.Duration // of the first router-LSA
		want  string
	}{
		{"together", 0, 0, first + " 2.2.2.2 3.3.3.3"},
		{"soon", time.Second, time.Second, first + " 2.2.2.2 3.3.3.3"},
		{"late", 3 * time.Second, firstHellos, first + " 2.2.2.2"},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := threeLinks(t)
			p := l.peer("tun0", "2.2.2.2", "10.1.0.2")
			p.bring(nbrFull)
			q := l.peer("tun2", "3.3.3.3", "10.2.0.2")
			begin := l.now
			until := func(d time.Duration) { l.advance(d - l.now.Sub(begin)) }
			if c.at > 0 {
				until(c.at - 10*time.Millisecond)
				if got := neighborsAnnounced(l); got != "" {
					t.Fatalf("too early: %s", got)
				}
			}
			if c.after <= c.at {
				until(c.after)
				q.bring(nbrFull)
			}
			until(c.at)
			if got := neighborsAnnounced(l); got != c.want {
				t.Errorf("announced %q, want %q", got, c.want)
			}
		})
	}
}

// An LSA that no packet carries is not announced, with or without one of an
// earlier run, and neither at the first nor at a later attempt.
func TestOriginate_FirstTooLong(t *testing.T) {
	l := newLab(t, func(l *lab) {
		for n := range 6000 {
			l.links[0].Addrs = append(l.links[0].Addrs, LinkAddr{Addr: netip.PrefixFrom(packet.ID(0x0b000000+n).Addr(), 32)})
		}
	})
	p := l.peer("tun0", "2.2.2.2", "10.1.0.2")
	p.bring(nbrExchange)
	p.describe(header(routerLSA(self, 40)))
	p.update(routerLSA(self, 40))
	l.wantState(p, nbrFull)
	p.alive = true
	l.advance(10 * time.Second)
	if h, _ := l.own(); h.Seq != 40 || l.alarms("lsa-too-long") == 0 {
		t.Errorf("sequence number %d, %d alarms", h.Seq, l.alarms("lsa-too-long"))
	}
}

// 13.4: the router-LSA of an earlier run is not flushed while the router waits
// for the adjacencies that it names. The next instance follows when they are all
// there, or after MinLSInterval.
func TestOriginate13_4_EarlierInstanceStands(t *testing.T) {
	old := func(l *lab) []byte {
		link := func(id string) packet.RouterLink {
			return packet.RouterLink{Type: packet.LinkPointToPoint, ID: packet.IDFromAddr(ip(id)), Data: 1, Metric: 10}
		}
		return routerLSA(self, 40, link("2.2.2.2"), link("3.3.3.3"))
	}
	for _, comes := range []bool{true, false} {
		t.Run(fmt.Sprintf("the other neighbour comes %t", comes), func(t *testing.T) {
			l := threeLinks(t)
			p, q := l.peer("tun0", "2.2.2.2", "10.1.0.2"), l.peer("tun2", "3.3.3.3", "10.2.0.2")
			p.bring(nbrExchange)
			p.describe(header(old(l)))
			p.update(old(l))
			l.wantState(p, nbrFull)
			p.alive = true
			l.advance(3 * time.Second)
			if got := neighborsAnnounced(l); got != "" {
				t.Fatalf("with one of two neighbours: %s", got)
			}
			if h, _ := l.own(); h.Seq != 40 {
				t.Fatalf("our router-LSA: %+v", h)
			}
			want := "seq 41 age false 2.2.2.2"
			if comes {
				q.bring(nbrFull)
				want += " 3.3.3.3"
			} else {
				l.advance(2 * time.Second)
			}
			if got := neighborsAnnounced(l); got != want {
				t.Errorf("announced %q, want %q", got, want)
			}
			l.advance(1100 * time.Millisecond) // again: 13 (5)(a) at who has just learned the old one
			if h, _ := l.own(); h.Seq != 42 {
				t.Errorf("sequence number %d", h.Seq)
			}
		})
	}
}
