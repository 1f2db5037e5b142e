package record

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/ecmpd/ecmpd/ospf"
	"github.com/ecmpd/ecmpd/ospf/auth"
	"github.com/ecmpd/ecmpd/ospf/packet"
)

var start = time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)

// router is one end of a link between two routers; the first one records.
type router struct {
	step     func(time.Time, ospf.Input) ospf.Output
	deadline func() time.Time
	addr     netip.Addr
}

func config(id packet.ID) ospf.Config {
	return ospf.Config{
		RouterID: id,
		Areas: []ospf.Area{{Interfaces: []ospf.InterfaceConfig{{
			Match: ospf.Match{{Glob: "vpn*"}, {Exclude: true, Prefix: netip.MustParsePrefix("192.0.2.0/24")}},
			Type:  ospf.TypePointToPoint, Cost: 10, Weight: 1, HelloInterval: time.Second, DeadInterval: 4 * time.Second,
			RetransmitInterval: 5 * time.Second, TransmitDelay: time.Second,
			Auth: auth.Scheme{Extended: true, Keys: []auth.Key{{ID: 1, Algorithm: auth.HMACSHA256, Secret: auth.NewSecret("secret"),
				Send: auth.Lifetime{From: start.Add(10 * time.Second)}}}},
		}}}},
		SPFDelay:     ospf.SPFDelay{Initial: 50 * time.Millisecond, Short: 200 * time.Millisecond, Long: 5 * time.Second, HoldDown: 10 * time.Second, TimeToLearn: 500 * time.Millisecond},
		Redistribute: []ospf.Redistribute{{Source: ospf.Static, Prefixes: []ospf.PrefixRange{{Prefix: netip.MustParsePrefix("10.0.0.0/8"), Ge: 8, Le: 32}}, Metric: 20, Type2: true}},
	}
}

// record runs two routers for twenty seconds and returns what the first recorded,
// and the engine that did.
func record(t *testing.T, limit int64, fail func(error)) (string, *ospf.Engine, time.Time) {
	t.Helper()
	var file bytes.Buffer
	engine, other := ospf.New(7), ospf.New(8)
	r := New(engine, &file, Header{Version: "test", Seed: 7, Start: start}, limit, fail)
	routers := []*router{
		{r.Step, r.Deadline, netip.MustParseAddr("10.0.0.1")},
		{other.Step, other.Deadline, netip.MustParseAddr("10.0.0.2")},
	}
	now := start
	var do func(i int, in ospf.Input)
	do = func(i int, in ospf.Input) {
		for _, s := range routers[i].step(now, in).Send {
			do(1-i, ospf.Datagram{Interface: "vpn1", Src: s.Src, Dst: s.Dst, TTL: 1, Data: s.Data})
		}
	}
	for i, r := range routers {
		do(i, ospf.Clock{Wall: now.Add(-5 * time.Second)})
		do(i, ospf.Sequences{Boot: uint32(i + 5), First: 77})
		do(i, ospf.Links{Links: []ospf.Link{{Name: "vpn1", Index: 3, MTU: 1420, Up: true, PointToPoint: true,
			Addrs: []ospf.LinkAddr{{Addr: netip.PrefixFrom(r.addr, 30)}}}}})
		do(i, config(packet.ID(i+1)))
		do(i, ospf.Offer{Source: ospf.Static, Add: []netip.Prefix{netip.MustParsePrefix(fmt.Sprintf("10.%d.0.0/16", i+1))}})
	}
	for end := start.Add(20 * time.Second); ; {
		next := 0
		if routers[1].deadline().Before(routers[0].deadline()) {
			next = 1
		}
		at := routers[next].deadline()
		if at.After(end) {
			break
		}
		now = later(now, at)
		do(next, ospf.Tick{})
	}
	do(1, ospf.BFDDown{Interface: "vpn1", Neighbor: routers[0].addr, Reason: "test"})
	do(0, ospf.Drain)
	return file.String(), engine, now
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func state(e *ospf.Engine, now time.Time) string {
	return fmt.Sprintf("%+v\n%+v\n%+v\n%+v\n%+v", e.Neighbors(now), e.Interfaces(), e.Database(now), e.StubRouter(), len(e.Routes()))
}

// A recording, run again, gives the same outputs and the same state.
func TestReplay(t *testing.T) {
	file, engine, end := record(t, 1<<20, func(err error) { t.Error(err) })
	steps, datagrams := 0, 0
	again, now, err := Replay(strings.NewReader(file), 0, func(s Step) {
		steps++
		if _, ok := s.Input.(ospf.Datagram); ok {
			datagrams++
		}
		if s.Diverged {
			t.Errorf("step %d diverged", s.Number)
		}
	})
	if err != nil || steps != strings.Count(file, "\n")-1 || datagrams < 20 || !now.Equal(end) {
		t.Fatalf("%d steps, %d datagrams, ended at %v, %v", steps, datagrams, now, err)
	}
	if got, want := state(again, now), state(engine, end); got != want || !strings.Contains(got, "State:Full") || !strings.Contains(got, "Drained:true") {
		t.Errorf("replayed:\n%s\nrecorded:\n%s", got, want)
	}
}

// A recording of other behaviour shows where it begins to differ.
func TestReplay_Diverges(t *testing.T) {
	file, _, _ := record(t, 1<<20, func(err error) { t.Error(err) })
	file = strings.Replace(file, `"Cost":10`, `"Cost":11`, 1)
	first := 0
	_, _, err := Replay(strings.NewReader(file), 0, func(s Step) {
		if s.Diverged && first == 0 {
			first = s.Number
		}
	})
	if err != nil || first < 4 {
		t.Errorf("diverges first at step %d, %v", first, err)
	}
}

func TestReplay_Incomplete(t *testing.T) {
	file, _, _ := record(t, 1<<20, func(err error) { t.Error(err) })
	steps := 0
	engine, _, err := Replay(strings.NewReader(file[:len(file)*3/4]), 0, func(Step) { steps++ })
	if !errors.Is(err, io.ErrUnexpectedEOF) || steps < 10 || engine == nil {
		t.Errorf("%d steps, %v", steps, err)
	}
	for name, text := range map[string]string{
		"empty": "", "something else": `{"a": 1}`, "no JSON": "router-id: 10.0.0.1", "later format": `{"format":"ecmpd-recording-9"}`,
		"time runs back": `{"format":"` + Format + `","start":"2026-11-01T12:00:00Z"}` + "\n{\"at\":5}\n{\"at\":4}\n",
	} {
		if _, _, err := Replay(strings.NewReader(text), 0, func(Step) {}); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// At the limit the recording ends and the engine goes on.
func TestRecorder_Limit(t *testing.T) {
	complaints := 0
	file, engine, now := record(t, 5000, func(error) { complaints++ })
	if complaints != 1 || len(file) > 5000 || engine.Neighbors(now)[0].State != "Full" {
		t.Errorf("%d complaints, %d bytes, %+v", complaints, len(file), engine.Neighbors(now))
	}
	if _, _, err := Replay(strings.NewReader(file), 0, func(Step) {}); err != nil {
		t.Error(err)
	}
}
