package link

import "testing"

// The speed of a link is what its driver says, while it is up; tunnels have none.
func TestSpeed(t *testing.T) {
	inNamespace(t, "speed")
	w := watch(t)
	ip(t, "link add name a type veth peer name b", "link add name v type vxlan id 7 dstport 4789 local 127.0.0.1", "link set dev a up", "link set dev v up")
	s := w.until("vxlan up, veth without carrier", state("v", true))
	for _, name := range []string{"a", "v", "lo"} {
		if l, _ := s.ByName(name); l.Speed != 0 {
			t.Errorf("%s has a speed of %d Mbit/s", name, l.Speed)
		}
	}
	ip(t, "link set dev b up")
	s = w.until("veth up", state("a", true))
	if a, _ := s.ByName("a"); a.Speed != 10_000 {
		t.Errorf("a veth has a speed of %d Mbit/s", a.Speed)
	}
}
