package symmetry

import (
	"encoding/binary"
	"testing"
)

// The values are a promise to the other routers of a network, which may run
// another version.
func TestKey(t *testing.T) {
	k := NewKey("correct horse battery staple", 0)
	if k.Seed != 0x22fddb21 || k.Fingerprint != [8]byte{0x5d, 0x0c, 0x0c, 0x69, 0x4d, 0x42, 0xd0, 0xa5} || k.Guessable {
		t.Errorf("%#v", k)
	}
	if NewKey("correct horse battery staple", 7) != k {
		t.Error("the area changes a key that has a secret")
	}
	if binary.BigEndian.Uint32(k.Fingerprint[:]) == k.Seed || binary.BigEndian.Uint32(k.Fingerprint[4:]) == k.Seed {
		t.Error("the fingerprint tells the seed")
	}
}

func TestKeyOfArea(t *testing.T) {
	backbone, one := NewKey("", 0), NewKey("", 1)
	if !backbone.Guessable || !one.Guessable {
		t.Error("a key that everybody can derive does not say so")
	}
	if backbone.Seed == one.Seed || backbone.Fingerprint == one.Fingerprint {
		t.Error("two areas have one key")
	}
	if backbone != NewKey("", 0) {
		t.Error("two routers of one area have two keys")
	}
}
