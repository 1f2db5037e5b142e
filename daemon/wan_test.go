package daemon

import (
	"bytes"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/ecmpd/ecmpd/fib"
	"github.com/ecmpd/ecmpd/rib"
	"github.com/ecmpd/ecmpd/wan"
)

var testMark = wan.Mark{Mask: 0x3f000000, TableBase: 20100, RuleBase: 20100}

// orderOf makes an order of uplinks u1, u2 …: + is up and used, = up and not used, - down.
func orderOf(states string) wan.Order {
	o := wan.Order{Config: wan.Config{Mark: testMark, Flush: true, Balance: wan.PerConnection}, Endpoint: -1}
	for i, c := range states {
		o.Ways = append(o.Ways, wan.Way{
			Uplink: wan.Uplink{Name: fmt.Sprintf("u%d", i+1), Weight: i + 1, Tier: 1, NAT: wan.NAT{Masquerade: true}},
			ID:     i + 1, At: wan.Attachment{Interface: fmt.Sprintf("w%d", i+1), Gateway: netip.MustParseAddr("192.0.2.1")},
			Up: c != '-', Used: c == '+',
		})
		o.Healthy = o.Healthy || c != '-'
	}
	return o
}

// The entries of the dead go once, and not before somebody else is up.
func TestBuried(t *testing.T) {
	w := &wanLoop{dead: map[uint32]bool{}, cfg: wan.Config{Mark: testMark, Flush: true}}
	for i, step := range []struct {
		states string
		want   []uint32
	}{
		{"++-", []uint32{0x3000000}}, // what the last run may have left
		{"++-", nil},
		{"+--", []uint32{0x2000000}},
		{"---", nil},
		{"-+-", []uint32{0x3e000000, 0x1000000}}, // and what went by another default route meanwhile
		{"++-", nil},
	} {
		o := orderOf(step.states)
		if got := w.buried(o); !slices.Equal(got, step.want) {
			t.Errorf("step %d, %s: %#x, want %#x", i+1, step.states, got, step.want)
		}
		w.last = &o
	}
	w.cfg.Flush = false
	if got := w.buried(orderOf("+--")); got != nil {
		t.Errorf("flush never: %#x", got)
	}
	w.cfg.Flush = true
	disabled := orderOf("+--")
	disabled.Ways[1].Disabled = true
	last := orderOf("++-")
	w.last, w.dead = &last, map[uint32]bool{}
	if got := w.buried(disabled); got != nil {
		t.Errorf("disabled: %#x", got)
	}
}

func TestUplinkRoute(t *testing.T) {
	if r, ok := uplinkRoute(orderOf("+-+")); !ok || r.Distance != rib.DistanceWAN || r.NextHops.Len() != 2 {
		t.Errorf("%+v", r)
	}
	if _, ok := uplinkRoute(orderOf("---")); ok {
		t.Error("nobody is used, and there is a route")
	}
	o := orderOf("+")
	o.Healthy = false
	if r, ok := uplinkRoute(o); !ok || r.Distance != shadowed {
		t.Errorf("the last resort: %+v", r)
	}
}

// What a rule becomes while its uplink is up or down.
func TestChoice(t *testing.T) {
	up, down := orderOf("+-").Ways[0], orderOf("+-").Ways[1]
	for _, tt := range []struct {
		way    wan.Way
		strict bool
		mark   uint32
		drop   bool
	}{{up, false, 0x1000000, false}, {up, true, 0x1000000, false}, {down, false, 0, false}, {down, true, 0, true}} {
		if c := choice(wan.Rule{Strict: tt.strict}, tt.way, testMark); c.Way != tt.mark || c.Drop != tt.drop {
			t.Errorf("%+v: %+v", tt, c)
		}
	}
}

func TestInTheWay(t *testing.T) {
	for _, tt := range []struct {
		rule fib.Rule
		want bool
	}{
		{fib.Rule{Priority: 100, Mark: 0x100, Mask: 0xff00}, false},
		{fib.Rule{Priority: 100, Mark: 0x1000000, Mask: 0xff000000}, true},
		{fib.Rule{Priority: 100, Mark: 1, Mask: 0xffffffff}, true},
		{fib.Rule{Priority: 20150}, true},
		{fib.Rule{Priority: 32766}, false},
	} {
		if got := inTheWay(tt.rule, testMark); got != tt.want {
			t.Errorf("%s: %v", tt.rule, got)
		}
	}
}

// A command that hangs, fails or is not there costs a warning.
func TestHooks(t *testing.T) {
	ctx := t.Context()
	if err := runHook(ctx, "/bin/cat /nowhere/at/all", nil); err == nil {
		t.Error("a command failed, and nobody heard of it")
	}
	if err := runHook(ctx, "/nowhere/at/all", nil); err == nil {
		t.Error("there is no such command")
	}
	var log bytes.Buffer
	h := newHooks(newLogger(&log))
	h.tell(nil, wan.Event{Name: "u1"})
	for range hookQueue + 1 {
		h.tell([]string{"/bin/true"}, wan.Event{Name: "u1"})
	}
	if len(h.queue) != hookQueue || !strings.Contains(log.String(), "too slow") {
		t.Errorf("%d wait: %s", len(h.queue), log.String())
	}
}
