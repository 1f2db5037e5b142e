package bfd

import (
	"bytes"
	"encoding/binary"
	"testing"
	"time"
)

// Digests that were calculated with another program over the packet with the key
// in the place of the digest.
func TestDigests(t *testing.T) {
	for _, c := range []struct {
		kind  AuthType
		words string
	}{
		{MeticulousKeyedMD5, "21 c4 03 30 01020304 05060708 000f4240 000f4240 00000000 03 18 07 00 01020304 2b64218cb3b0e1b7f6a3a3812d4679d9"},
		{MeticulousKeyedSHA1, "21 c4 03 34 01020304 05060708 000f4240 000f4240 00000000 05 1c 07 00 01020304 ad74cd7ed37c9a64590cb2a6fe55705c79a11508"},
	} {
		want := unhex(t, c.words)
		got := bytes.Clone(want)
		clear(got[minLength+digestAt:])
		c.kind.digest(got, "secret")
		if !bytes.Equal(got, want) {
			t.Errorf("%d: %x, want %x", c.kind, got, want)
		}
	}
}

func authBench(t *testing.T, kind AuthType) (*bench, *session) {
	auth := Auth{kind, []AuthKey{{7, "secret"}, {8, "older"}}}
	b := newBench(t, ask(func(c *Config) { c.Auth = auth }))
	b.peer.Auth = nil
	// What signs for the neighbour is a session, too.
	return b, &session{cfg: Config{Auth: auth}, xmitSeq: 1000}
}

// signed is the neighbour's packet with its authentication section.
func (b *bench) signed(s *session, mod ...func([]byte)) []byte {
	data := make([]byte, 0, maxLength)
	data = b.peer.Append(data)
	data[1] |= flagAuth
	data[3] += byte(s.cfg.Auth.Type.length(s.cfg.Auth.Keys[0].Secret))
	data = s.sign(data)
	for _, f := range mod {
		f(data)
	}
	return data
}

func TestAuthentication(t *testing.T) {
	for kind := SimplePassword; kind <= MeticulousKeyedSHA1; kind++ {
		b, s := authBench(t, kind)
		if sent := b.last(); len(sent.Auth) != kind.length("secret") || sent.Auth[2] != 7 {
			t.Errorf("%d: sends %x", kind, sent.Auth)
		}
		at := minLength
		for _, c := range []struct {
			name string
			data []byte
			want Discard
		}{
			{"none", b.peer.Append(nil), MissingAuth},
			{"another type", b.signed(s, func(d []byte) { d[at] ^= 7 }), WrongAuthType},
			{"unknown key", b.signed(s, func(d []byte) { d[at+2] = 9 }), UnknownKey},
			{"length", b.signed(s, func(d []byte) { d[at+1]-- }), BadAuthLength},
			{"longer", append(b.signed(s, func(d []byte) { d[3]++; d[at+1]++ }), 0), BadAuthLength},
			{"key of another id", b.signed(s, func(d []byte) { d[len(d)-1] ^= 1 }), BadDigest},
		} {
			if err := b.hearBytes(c.data); err != c.want {
				t.Errorf("%d, %s: %v, want %v", kind, c.name, err, c.want)
			}
		}
		b.want(Down)
		if err := b.hearBytes(b.signed(s)); err != nil {
			t.Errorf("%d: %v", kind, err)
		}
		b.want(Init)
		s.cfg.Auth.Keys = s.cfg.Auth.Keys[1:] // any configured key verifies
		if err := b.hearBytes(b.signed(s)); err != nil {
			t.Errorf("%d, second key: %v", kind, err)
		}
	}
}

// RFC 5880 6.7.3, 6.7.4: the window of sequence numbers, and its end after twice
// the detection time (6.8.1).
func TestSequence(t *testing.T) {
	for kind := KeyedMD5; kind <= MeticulousKeyedSHA1; kind++ {
		for _, c := range []struct {
			ahead int64
			want  [2]Discard // keyed, meticulous
		}{
			{0, [2]Discard{accepted, BadSequence}}, {1, [2]Discard{}}, {12, [2]Discard{}},
			{13, [2]Discard{BadSequence, BadSequence}}, {-1, [2]Discard{BadSequence, BadSequence}},
		} {
			b, s := authBench(t, kind)
			s.xmitSeq = ^uint32(0) - 1 // circular
			b.hearBytes(b.signed(s))
			b.up2(s)
			last := s.xmitSeq
			want := c.want[0]
			if kind.meticulous() {
				want = c.want[1]
			}
			s.xmitSeq = last + uint32(c.ahead)
			if kind.meticulous() {
				s.xmitSeq--
			}
			err := b.hearBytes(b.signed(s))
			if want == accepted && err != nil || want != accepted && err != want {
				t.Errorf("type %d, %d ahead: %v, want %v", kind, c.ahead, err, want)
			}
			b.run(2 * b.status().Detection)
			s.xmitSeq = last - 5000
			if err := b.hearBytes(b.signed(s)); err != nil {
				t.Errorf("type %d: after twice the detection time: %v", kind, err)
			}
		}
	}
}

// up2 is a second packet, whose Your Discriminator is right.
func (b *bench) up2(s *session) {
	b.peer.State = Init
	if err := b.hearBytes(b.signed(s)); err != nil {
		b.t.Fatal(err)
	}
	b.want(Up)
}

// Meticulous types number every packet, the others those whose contents are new.
func TestTransmittedSequence(t *testing.T) {
	for kind := KeyedMD5; kind <= MeticulousKeyedSHA1; kind++ {
		b, _ := authBench(t, kind)
		b.run(10 * time.Second)
		first, last := sequence(b.sent[0]), sequence(b.last())
		want := uint32(0)
		if kind.meticulous() {
			want = uint32(len(b.sent) - 1)
		}
		if last-first != want {
			t.Errorf("type %d: %d packets, numbers %d to %d", kind, len(b.sent), first, last)
		}
	}
}

func sequence(p Packet) uint32 { return binary.BigEndian.Uint32(p.Auth[4:]) }

// A forged number must not move the window: the digest is checked first.
func TestForgedSequence(t *testing.T) {
	b, s := authBench(t, KeyedSHA1)
	forged := b.signed(s, func(d []byte) { binary.BigEndian.PutUint32(d[minLength+4:], 1<<31) })
	if err := b.hearBytes(forged); err != BadDigest {
		t.Fatal(err)
	}
	if err := b.hearBytes(b.signed(s)); err != nil {
		t.Errorf("after the forged one: %v", err)
	}
}
