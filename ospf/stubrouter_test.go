package ospf

import (
	"testing"
	"time"
)

// RFC 6987: a drained router announces its transit links with MaxLinkMetric and
// its stub networks as ever, until it is told otherwise; it counts as known when
// every neighbour has acknowledged.
func TestStubRouter_Drain(t *testing.T) {
	l := newLab(t)
	p := l.full("tun0", "2.2.2.2", "10.1.0.2")
	l.advance(10 * time.Second)
	_, before := l.own()
	if s := l.e.StubRouter(); s != (StubRouterStatus{Acknowledged: true}) {
		t.Fatalf("before: %+v", s)
	}
	p.acks = false
	l.step(Drain)
	_, drained := l.own()
	for i, link := range drained.Links {
		want := before.Links[i]
		if want.Type != 3 {
			want.Metric = 0xffff
		}
		if link != want {
			t.Errorf("link %+v, want %+v", link, want)
		}
	}
	if s := l.e.StubRouter(); s != (StubRouterStatus{Active: true, Drained: true}) {
		t.Errorf("not acknowledged: %+v", s)
	}
	p.acks = true
	l.advance(6 * time.Second) // the retransmission is acknowledged
	if s := l.e.StubRouter(); !s.Acknowledged {
		t.Errorf("acknowledged: %+v", s)
	}
	l.wantState(p, nbrFull)

	l.step(Undrain)
	if s := l.e.StubRouter(); s.Active || s.Drained {
		t.Errorf("undrained: %+v", s)
	}
	l.step(Drain) // MinLSInterval holds it back
	if s := l.e.StubRouter(); !s.Active || s.Acknowledged {
		t.Errorf("held back: %+v", s)
	}
	l.step(Undrain)
	l.advance(6 * time.Second)
	if _, after := l.own(); containsMetric(after, 0xffff) {
		t.Errorf("links after all:\n%s", describeLinks(after))
	}
}

// What the configuration says stands after Undrain.
func TestStubRouter_Configured(t *testing.T) {
	l := newLab(t, func(l *lab) { l.cfg.StubRouter.Administrative = true })
	l.full("tun0", "2.2.2.2", "10.1.0.2")
	l.step(Drain)
	l.step(Undrain)
	l.advance(6 * time.Second)
	if s := l.e.StubRouter(); s != (StubRouterStatus{Active: true, Acknowledged: true}) {
		t.Errorf("%+v", s)
	}
}
