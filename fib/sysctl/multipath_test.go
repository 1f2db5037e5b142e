package sysctl

import (
	"errors"
	"testing"
)

func TestMultipathSeed(t *testing.T) {
	before := map[string]string{"fib_multipath_hash_seed": "7", "fib_multipath_hash_policy": "0", "fib_multipath_hash_fields": "7"}
	root, dir := fakeProc(t, before)
	s := must(t, root, dir)
	set := func(seed uint32, want string) {
		t.Helper()
		if err := s.SetMultipathSeed(seed); err != nil {
			t.Fatal(err)
		}
		expect(t, s, "fib_multipath_hash_seed", want)
	}
	set(0, "7") // nothing of ours to take back
	set(9, "9")
	set(1, "1")
	s = must(t, root, dir) // another run
	set(0, "7")
	set(5, "5")
	if _, err := s.SetMultipathHash(HashL4); err != nil {
		t.Fatal(err)
	}
	if m, err := s.Multipath(); err != nil || m != (Multipath{Policy: 3, Fields: 0x37, Seedable: true}) {
		t.Errorf("reads %+v, %v", m, err)
	}
	if _, err := s.Restore(); err != nil {
		t.Fatal(err)
	}
	for name, v := range before {
		expect(t, s, name, v)
	}
	if m, err := s.Multipath(); err != nil || m != (Multipath{Seedable: true}) {
		t.Errorf("reads %+v, %v", m, err)
	}
}

func TestMultipathSeedBefore611(t *testing.T) {
	root, dir := fakeProc(t, map[string]string{"fib_multipath_hash_policy": "1"})
	s := must(t, root, dir)
	if err := s.SetMultipathSeed(5); !errors.Is(err, ErrNoSeed) {
		t.Errorf("error %v", err)
	}
	if err := s.SetMultipathSeed(0); err != nil {
		t.Errorf("nothing wanted: %v", err)
	}
	if m, err := s.Multipath(); err != nil || m != (Multipath{Policy: 1}) {
		t.Errorf("reads %+v, %v", m, err)
	}
}
