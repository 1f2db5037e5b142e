package ospf

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ecmpd/ecmpd/ospf/packet"
)

// overflows lists the changes of OverflowState since the last call.
func (l *lab) overflows() (list []bool) {
	l.events = slices.DeleteFunc(l.events, func(ev Event) bool {
		c, ok := ev.(OverflowChange)
		if ok {
			list = append(list, c.Active)
		}
		return ok
	})
	return list
}

// crowd floods externals of the peer's until there are count of them.
func (p *peer) crowd(first, count int) {
	for n := first; n < first+count; n++ {
		p.update(extLSA(p.id, fmt.Sprintf("192.0.%d.0", n), packet.InitialSeq))
	}
}

// RFC 1765 2.2 to 2.4: at the limit a router takes its own externals back, but for the default route,
// and announces them again when there is room for them.
func TestOverflow1765_2_OwnExternals(t *testing.T) {
	l := newLab(t, redistributing(Redistribute{Source: Static, Metric: 5}), func(l *lab) {
		l.cfg.MaxExternals, l.cfg.ExitOverflow = 10, 5*time.Minute
		l.cfg.Default = DefaultOriginate{When: DefaultAlways, Metric: 1}
	})
	p := l.full("tun0", "2.2.2.2", "10.1.0.2")
	l.step(Offer{Source: Static, Add: prefixes("172.16.0.0/24", "172.16.1.0/24")})
	l.advance(6 * time.Second)
	if got := strings.Count(l.announced(), "\n") + 1; got != 3 {
		t.Fatalf("%d externals announced", got)
	}
	p.crowd(0, 8)
	l.advance(2 * time.Second)
	if got := l.announced(); got != "0.0.0.0 0.0.0.0/0 1 false 0" || !slices.Equal(l.overflows(), []bool{true}) {
		t.Fatalf("announced in OverflowState:\n%s", got)
	}
	if s := l.e.Limits(l.now); !s.Overflow || s.MaxExternals != 10 {
		t.Errorf("status %t, limit %d", s.Overflow, s.MaxExternals)
	}
	// There is no room for two beside eight of others, and the timer begins anew.
	l.advance(6 * time.Minute)
	if got := l.overflows(); len(got) != 0 {
		t.Fatalf("left OverflowState without room: %v", got)
	}
	for n := range 4 {
		lsa := extLSA(p.id, fmt.Sprintf("192.0.%d.0", n), packet.InitialSeq+1)
		packet.SetAge(lsa, packet.MaxAge)
		p.update(lsa)
	}
	l.advance(6 * time.Minute)
	if got := strings.Count(l.announced(), "\n") + 1; got != 3 || !slices.Equal(l.overflows(), []bool{false}) {
		t.Errorf("%d externals announced after OverflowState", got)
	}
}

// RFC 1765 2.1: with ospfExitOverflowInterval 0 there is no way back but another configuration.
func TestOverflow1765_2_1_NoExit(t *testing.T) {
	l := newLab(t, redistributing(Redistribute{Source: Static, Metric: 5}), func(l *lab) { l.cfg.MaxExternals = 4 })
	p := l.full("tun0", "2.2.2.2", "10.1.0.2")
	l.step(Offer{Source: Static, Add: prefixes("172.16.0.0/24")})
	p.crowd(0, 4)
	l.advance(time.Hour)
	if got := l.overflows(); !slices.Equal(got, []bool{true}) {
		t.Fatalf("changes %v", got)
	}
	l.reload(func(c *Config, _ *InterfaceConfig) { c.MaxExternals = 100 })
	l.advance(6 * time.Second)
	if got := l.overflows(); !slices.Equal(got, []bool{false}) || l.announced() == "" {
		t.Errorf("a higher limit: changes %v, announced %q", got, l.announced())
	}
}

// RFC 1765 2.3.1: beyond the limit new externals of others are refused without an
// acknowledgement, in the order in which they come; known ones and default routes are taken.
// Once there is room what the neighbour still sends is taken: nothing is lost for good.
func TestOverflow1765_2_3_1_Flooding(t *testing.T) {
	l := newLab(t, func(l *lab) { l.cfg.MaxExternals = 5 })
	p := l.full("tun0", "2.2.2.2", "10.1.0.2")
	p.crowd(0, 5)
	l.advance(2 * time.Second)
	l.take()
	p.crowd(5, 3)
	p.update(extLSA(p.id, "192.0.1.0", packet.InitialSeq+1))
	p.update(extLSA(p.id, "0.0.0.0", packet.InitialSeq))
	l.advance(2 * time.Second)
	acks, _ := acked(l.take(), "tun0")
	if n := l.e.as.Len(); n != 6 || len(acks) != 2 {
		t.Errorf("%d externals, acknowledged %v", n, acks)
	}
	if l.rejected("tun0", RejectLSALimit) != 3 || l.alarms("lsa-limit") != 1 {
		t.Errorf("%d rejects, %d alarms", l.rejected("tun0", RejectLSALimit), l.alarms("lsa-limit"))
	}
	if s := l.e.Limits(l.now).Databases[1]; s.Scope != "AS" || !s.Incomplete || s.Refused != 3 {
		t.Errorf("status: incomplete %t, %d refused", s.Incomplete, s.Refused)
	}
	gone := extLSA(p.id, "192.0.0.0", packet.InitialSeq+1)
	packet.SetAge(gone, packet.MaxAge)
	p.update(gone, extLSA(p.id, "192.0.2.0", packet.InitialSeq+1))
	l.advance(2 * time.Second)
	p.crowd(5, 3) // retransmitted
	if l.lsa(packet.Key{Type: packet.LSExternal, ID: id("192.0.5.0"), Adv: p.id}) == nil {
		t.Error("not taken when there is room")
	}
	l.advance(packet.LSRefreshTime * time.Second)
	if l.e.as.incomplete(l.now) {
		t.Error("incomplete although nothing was refused since all have been refreshed")
	}
}

// RFC 1765 2.3.1 in the exchange: what there is no room for is not asked for, and the adjacency
// becomes Full.
func TestOverflow1765_2_3_1_Exchange(t *testing.T) {
	l := newLab(t, func(l *lab) { l.cfg.MaxExternals = 5 })
	p := l.full("tun0", "2.2.2.2", "10.1.0.2")
	p.crowd(0, 5)
	q := l.peer("eth0", "3.3.3.3", "10.0.0.3")
	q.bring(nbrExchange)
	q.describe(header(extLSA(q.id, "198.51.100.0", packet.InitialSeq)), header(extLSA(p.id, "192.0.0.0", packet.InitialSeq)))
	l.wantState(q, nbrFull)
	if l.e.as.refused != 1 {
		t.Errorf("%d refused", l.e.as.refused)
	}
}

// RFC 1765 2.3.3: an external of an earlier run of ours is taken in OverflowState, to be flushed.
func TestOverflow1765_2_3_3_SelfOriginated(t *testing.T) {
	l := newLab(t, func(l *lab) { l.cfg.MaxExternals = 5 })
	p := l.full("tun0", "2.2.2.2", "10.1.0.2")
	p.crowd(0, 5)
	l.take()
	p.update(extLSA(self, "172.16.0.0", 7))
	l.advance(2 * time.Second)
	flushed := false
	for _, h := range flooded(l.take(), "tun0") {
		flushed = flushed || h.Adv == self && h.Type == packet.LSExternal && h.Age == packet.MaxAge
	}
	if !flushed {
		t.Error("not flushed")
	}
}

// The neighbours of all interfaces have a limit beside that of each.
func TestHello_AllNeighborsLimit(t *testing.T) {
	l := newLab(t, func(l *lab) { l.cfg.MaxNeighbors, l.cfg.MaxAllNeighbors = 2, 3 })
	for n := range 4 {
		l.peer("eth0", fmt.Sprintf("3.3.3.%d", n+1), fmt.Sprintf("10.0.0.%d", n+10)).hi()
	}
	l.peer("tun0", "4.4.4.1", "10.1.0.2").hi()
	l.peer("tun1", "5.5.5.1", "10.255.0.5").hi()
	count := func(name string) int { return len(l.iface(name).neighbors) }
	if count("eth0") != 2 || count("tun0") != 1 || count("tun1") != 0 || l.alarms("neighbor-limit") != 2 {
		t.Errorf("%d, %d and %d neighbours, %d alarms", count("eth0"), count("tun0"), count("tun1"), l.alarms("neighbor-limit"))
	}
}

// What a full database did not ask for is asked for once there is room, of a neighbour that stays Full, and no more
// than there is room for.
func TestOverflow_MissedIsAskedFor(t *testing.T) {
	l := newLab(t, func(l *lab) { l.cfg.MaxExternals = 5 })
	p := l.full("tun0", "2.2.2.2", "10.1.0.2")
	p.crowd(0, 5)
	q := l.peer("eth0", "3.3.3.3", "10.0.0.3")
	q.bring(nbrExchange)
	var headers []packet.LSAHeader
	for n := range 4 {
		headers = append(headers, header(extLSA(q.id, fmt.Sprintf("198.51.%d.0", n), 7)))
	}
	q.describe(headers...)
	l.wantState(q, nbrFull)
	q.alive, q.due = true, l.now
	asked := func() (ids []packet.ID) {
		t.Helper()
		requests, _ := on[*packet.LSReq](l.take(), "eth0")
		for _, r := range requests {
			for _, k := range r.Keys {
				ids = append(ids, k.ID)
			}
		}
		return ids
	}
	l.advance(10 * time.Second)
	if got := asked(); len(got) != 0 {
		t.Fatalf("asked for %v without room", got)
	}
	l.reload(func(c *Config, _ *InterfaceConfig) { c.MaxExternals = 7 })
	if got := asked(); !slices.Equal(got, []packet.ID{id("198.51.0.0"), id("198.51.1.0")}) {
		t.Fatalf("asked for %v with room for two", got)
	}
	l.advance(6 * time.Second)
	if got := asked(); len(got) != 2 {
		t.Errorf("asked again for %v", got)
	}
	q.update(extLSA(q.id, "198.51.0.0", 8))
	p.update(extLSA(q.id, "198.51.1.0", 7)) // another neighbour has it, too
	l.advance(6 * time.Second)
	if got := asked(); len(got) != 0 || l.e.as.Len() != 7 {
		t.Errorf("%d externals, asked for %v", l.e.as.Len(), got)
	}
	gone := extLSA(q.id, "198.51.2.0", 8)
	packet.SetAge(gone, packet.MaxAge)
	q.update(gone) // flushed meanwhile
	l.reload(func(c *Config, _ *InterfaceConfig) { c.MaxExternals = 100 })
	if got := asked(); !slices.Equal(got, []packet.ID{id("198.51.3.0")}) {
		t.Errorf("asked for %v", got)
	}
	q.update(extLSA(q.id, "198.51.3.0", 7))
	l.wantState(q, nbrFull)
	if n := q.nbr(); len(n.requests.wanted) != 0 || n.requests.resend.armed() || len(l.e.as.missed.from) != 0 {
		t.Errorf("%d wanted, timer %t, %d missed", len(n.requests.wanted), n.requests.resend.armed(), len(l.e.as.missed.from))
	}
}
