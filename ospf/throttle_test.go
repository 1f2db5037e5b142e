package ospf

import (
	"fmt"
	"testing"
	"time"

	"github.com/ecmpd/ecmpd/ospf/packet"
)

// 12.4: with a throttle of its own the first change of an LSA is told after the start interval, and what
// follows after intervals that double up to the longest; after a quiet time it begins anew.
func TestOriginate12_4_Throttle(t *testing.T) {
	l := newLab(t, redistributing(Redistribute{Source: Static, Metric: 5}), func(l *lab) {
		l.cfg.LSAThrottle = LSAThrottle{Start: 100 * time.Millisecond, Hold: time.Second, Max: 4 * time.Second}
	})
	l.full("tun0", "2.2.2.2", "10.1.0.2")
	l.advance(20 * time.Second)
	l.step(Offer{Source: Static, Add: prefixes("172.16.0.0/24")})
	metric := uint32(5)
	// changes makes the LSA differ every 100 ms and tells when it was sent, in ms.
	changes := func(d time.Duration) (sent []int64) {
		begin := l.now
		for l.now.Before(begin.Add(d)) {
			metric++
			l.reload(func(c *Config, _ *InterfaceConfig) {
				c.Redistribute = []Redistribute{{Source: Static, Metric: metric}}
			})
			l.take()
			l.advance(100 * time.Millisecond)
			for _, h := range flooded(l.take(), "tun0") {
				if h.Type == packet.LSExternal {
					sent = append(sent, l.now.Sub(begin).Milliseconds())
				}
			}
		}
		return sent
	}
	if got := fmt.Sprint(changes(16 * time.Second)); got != "[100 1100 3100 7100 11100 15100]" {
		t.Errorf("sent after %s ms", got)
	}
	l.advance(20 * time.Second)
	if got := fmt.Sprint(changes(2 * time.Second)); got != "[100 1100]" {
		t.Errorf("after a quiet time sent after %s ms", got)
	}
}

// 12.4, 14.1: LSAs that were originated together are refreshed at their own time each, spread over
// half of LSRefreshTime, and those of one second share packets.
func TestOriginate12_4_RefreshSpread(t *testing.T) {
	const count = 10_000
	l := newLab(t, redistributing(Redistribute{Source: Static, Metric: 5}), func(l *lab) { l.cfg.MaxLSAs = 2 * count })
	l.full("tun0", "2.2.2.2", "10.1.0.2")
	offer := Offer{Source: Static}
	for n := range count {
		offer.Add = append(offer.Add, pfx(fmt.Sprintf("172.%d.%d.0/24", 16+n/256, n%256)))
	}
	l.step(offer)
	l.advance(10 * time.Second)
	l.out = nil
	for round := range 2 {
		total, busiest, packets := 0, 0, 0
		for range 950 {
			l.advance(time.Second)
			list := l.take()
			updates, _ := on[*packet.LSUpdate](list, "tun0")
			n := len(flooded(list, "tun0"))
			total, busiest, packets = total+n, max(busiest, n), packets+len(updates)
		}
		if busiest > 4*count/900 || packets > 1200 {
			t.Errorf("round %d: %d refreshes, %d in the busiest second, %d packets", round, total, busiest, packets)
		}
	}
	for entry := range l.e.as.All() {
		if age := entry.AgeAt(l.now); age > packet.LSRefreshTime+1 || entry.Seq < packet.InitialSeq+1 {
			t.Fatalf("%s has age %d, sequence number %x", entry.Key(), age, uint32(entry.Seq))
		}
	}
}

// 12.4, 14.1: an LSA that is withdrawn and wanted again within MinLSInterval is not originated sooner for
// the flush that did not come.
func TestOriginate12_4_WithdrawnAndBack(t *testing.T) {
	l := newLab(t, redistributing(Redistribute{Source: Static, Metric: 5}))
	l.full("tun0", "2.2.2.2", "10.1.0.2")
	l.step(Offer{Source: Static, Add: prefixes("172.16.0.0/24")})
	l.take()
	l.step(Offer{Source: Static, Remove: prefixes("172.16.0.0/24")})
	l.reload(func(c *Config, _ *InterfaceConfig) { c.Redistribute = []Redistribute{{Source: Static, Metric: 6}} })
	l.step(Offer{Source: Static, Add: prefixes("172.16.0.0/24")})
	l.advance(4900 * time.Millisecond)
	for _, h := range flooded(l.take(), "tun0") {
		if h.Type == packet.LSExternal {
			t.Errorf("%+v within MinLSInterval", h)
		}
	}
	l.advance(200 * time.Millisecond)
	if got := flooded(l.take(), "tun0"); len(got) != 1 || got[0].Type != packet.LSExternal {
		t.Errorf("after MinLSInterval %+v", got)
	}
}
