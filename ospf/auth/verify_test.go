package auth

import (
	"bytes"
	"encoding/binary"
	"errors"
	"net/netip"
	"testing"
	"time"

	"github.com/ecmpd/ecmpd/ospf/packet"
)

var here = netip.MustParseAddr("10.0.0.2")

// made is a Hello of the scheme with its first key.
func made(s Scheme, h packet.Header) []byte {
	h.RouterID, h.AreaID = 0x02020202, 0
	body := &packet.Hello{Mask: here, HelloInterval: 1, DeadInterval: 4, DR: here, BDR: here}
	if len(s.Keys) == 0 {
		return packet.Append(nil, h, body)
	}
	return s.Append(nil, h, body, s.Keys[0], here, 7<<32|9)
}

func with(id uint8, a Algorithm, secret string) Key {
	return Key{ID: id, Algorithm: a, Secret: NewSecret(secret)}
}

// judge verifies a packet as the engine does.
func judge(s Scheme, b []byte, src netip.Addr, at time.Time) (Proof, *Error) {
	h, err := packet.PeekHeader(b)
	if err != nil {
		return Proof{}, &Error{Detail: err.Error()}
	}
	p, err := s.Verify(b, h, src, at)
	var e *Error
	errors.As(err, &e)
	return p, e
}

// RFC 2328 D.5: why a packet is refused, in the words that an operator reads.
func TestRefusals2328_D5(t *testing.T) {
	md5 := Scheme{Keys: []Key{with(1, MD5, "first")}}
	simple := Scheme{Keys: []Key{with(0, Cleartext, "swordfsh")}}
	extended := Scheme{Extended: true, Keys: []Key{with(1, HMACSHA256, "first")}}
	old := with(1, MD5, "first")
	old.Accept.Until = day(2)
	current := with(2, MD5, "second")
	for _, c := range []struct {
		name         string
		sender, ours Scheme
		reason       Reason
		detail       string
	}{
		{"none, ours md5", Scheme{}, md5, TypeMismatch, "authentication mismatch: neighbour uses none, ours is digests (type 2)"},
		{"md5, ours none", md5, Scheme{}, TypeMismatch, "authentication mismatch: neighbour uses digests (type 2), ours is none"},
		{"simple, ours md5", simple, md5, TypeMismatch, "authentication mismatch: neighbour uses a simple password (type 1), ours is digests (type 2)"},
		{"extended, ours md5", extended, md5, TypeMismatch, "authentication mismatch: neighbour uses digests with extended sequence numbers (type 3), ours is digests (type 2)"},
		{"password", simple, Scheme{Keys: []Key{with(0, Cleartext, "swordfis")}}, BadDigest, "simple password differs from ours"},
		{"prefix of the password", simple, Scheme{Keys: []Key{with(0, Cleartext, "swordfs")}}, BadDigest, "simple password differs from ours"},
		{"unknown key", Scheme{Keys: []Key{with(2, MD5, "first")}}, md5, UnknownKey, "neighbour sends key 2, which we do not have"},
		{"expired key", md5, Scheme{Keys: []Key{old, current}}, InvalidKey, "neighbour sends key 1, which we accept only until 2027-01-02T00:00:00Z"},
		{"secret", Scheme{Keys: []Key{with(1, MD5, "other")}}, md5, BadDigest, "digest of key 1 is wrong: the secrets or the algorithms differ, ours is md5"},
		{"algorithm", Scheme{Keys: []Key{with(1, HMACSHA256, "first")}}, md5, BadDigest, "neighbour sends key 1 with 32 bytes of authentication, ours is md5 with 16: the algorithms differ"},
		{"other algorithm, extended", Scheme{Extended: true, Keys: []Key{with(1, HMACSHA512, "first")}}, extended, BadDigest,
			"neighbour sends key 1 with 72 bytes of authentication, ours is hmac-sha-256 with 40: the algorithms differ"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := judge(c.ours, made(c.sender, packet.Header{}), here, day(5))
			if err == nil || err.Reason != c.reason || err.Detail != c.detail {
				t.Errorf("got %+v, want %d %q", err, c.reason, c.detail)
			}
			if _, err := judge(c.sender, made(c.sender, packet.Header{}), here, day(5)); err != nil {
				t.Errorf("the sender refuses itself: %v", err)
			}
		})
	}
}

// A chain may lead from a password to digests.
func TestMixedChain(t *testing.T) {
	password, digest := with(1, Cleartext, "old"), with(1, HMACSHA1, "new")
	both := Scheme{Keys: []Key{password, digest}}
	for _, k := range both.Keys {
		if _, err := judge(both, made(Scheme{Keys: []Key{k}}, packet.Header{}), here, day(5)); err != nil {
			t.Errorf("%s: %v", k, err)
		}
	}
	if _, err := judge(both, made(Scheme{}, packet.Header{}), here, day(5)); err == nil || err.Reason != TypeMismatch {
		t.Errorf("a packet without authentication: %v", err)
	}
}

// Every flipped bit of packet and digest is found, and every cut.
func TestTampering(t *testing.T) {
	for _, s := range []Scheme{
		{Keys: []Key{with(1, MD5, "a")}}, {Keys: []Key{with(1, HMACSHA1, "a")}}, {Keys: []Key{with(1, HMACSHA512, "a")}},
		{Extended: true, Keys: []Key{with(1, HMACSHA256, "a")}},
	} {
		good := made(s, packet.Header{})
		if p, err := judge(s, good, here, day(5)); err != nil || p.KeyID != 1 {
			t.Fatalf("%v, %v", p, err)
		}
		for bit := range 8 * len(good) {
			bad := append([]byte(nil), good...)
			bad[bit/8] ^= 1 << (bit % 8)
			if _, err := judge(s, bad, here, day(5)); err == nil {
				t.Fatalf("%s: bit %d of byte %d flipped and authentic", s.Keys[0], bit%8, bit/8)
			}
		}
		for n := range good {
			if _, err := judge(s, good[:n], here, day(5)); err == nil {
				t.Fatalf("%s: authentic with %d of %d bytes", s.Keys[0], n, len(good))
			}
		}
		// A block of link-local signalling behind the digest (RFC 5613 2.1) is not covered.
		if _, err := judge(s, append(good[:len(good):len(good)], 0xff, 0xff, 0, 3, 0, 1, 0, 4, 0, 0, 0, 1), here, day(5)); err != nil {
			t.Errorf("%s: with a block behind: %v", s.Keys[0], err)
		}
		_, err := judge(s, good, here.Next(), day(5))
		if (err != nil) != s.Extended { // RFC 7474 5
			t.Errorf("%s: from another address: %v", s.Keys[0], err)
		}
	}
}

// A packet that fills a datagram has no room for a digest.
func TestAppendTooLong(t *testing.T) {
	s := Scheme{Keys: []Key{with(1, HMACSHA512, "a")}}
	for _, c := range []struct{ lsa, want int }{{packet.MaxLen - 24 - 4 - 64, packet.MaxLen}, {packet.MaxLen - 24 - 4 - 60, 0}} {
		got := s.Append(nil, packet.Header{}, &packet.LSUpdate{LSAs: [][]byte{make([]byte, c.lsa)}}, s.Keys[0], here, 1)
		if len(got) != c.want {
			t.Errorf("an LSA of %d bytes makes %d bytes, want %d", c.lsa, len(got), c.want)
		}
	}
}

// FuzzVerify: whatever comes, it is judged without a panic, and what was not
// made with a key of ours is not authentic.
func FuzzVerify(f *testing.F) {
	ours := []Scheme{
		{}, {Keys: []Key{with(0, Cleartext, "swordfsh")}}, {Keys: []Key{with(1, MD5, "a"), with(2, HMACSHA256, "b")}},
		{Extended: true, Keys: []Key{with(1, HMACSHA512, "a")}},
	}
	for _, s := range ours {
		b := made(s, packet.Header{})
		f.Add(b)
		f.Add(append(b, 0, 0, 0, 3, 0, 1))
		f.Add(b[:len(b)-1])
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		for n, s := range ours {
			p, err := judge(s, data, here, day(5))
			if err != nil || n < 2 {
				continue
			}
			// Only what Append makes passes.
			h, body, decodeErr := packet.Decode(data)
			if decodeErr != nil {
				continue // authentic, and a body that is wrong: not from this test
			}
			k := s.Keys[s.find(uint32(p.KeyID))]
			if again := s.Append(nil, h, body, k, here, p.Sequence); len(again) > len(data) {
				t.Errorf("%x is authentic", data)
			}
		}
	})
}

// signed puts an LLS block with extended options behind a packet as RFC 5613 2.5 says; change may spoil it
// before it is signed.
func signed(s Scheme, b []byte, sequence uint32, options byte) []byte {
	k := s.Keys[0]
	block := []byte{0, 0, 0, byte(5 + k.Algorithm.DigestLen()/4), 0, 1, 0, 4, 0, 0, 0, options, 0, 2, 0, byte(4 + k.Algorithm.DigestLen())}
	block = binary.BigEndian.AppendUint32(block, sequence)
	return append(append(b, block...), s.digest(k, block, here)...)
}

// RFC 5613 2.5: a block behind a packet with a digest needs one of its own, and the packet's sequence number.
func TestLLS5613_2_5(t *testing.T) {
	for _, s := range []Scheme{
		{Keys: []Key{with(1, MD5, "first")}},
		{Keys: []Key{with(1, HMACSHA512, "first")}},
		{Extended: true, Keys: []Key{with(1, HMACSHA256, "first")}},
	} {
		b := made(s, packet.Header{})
		p, refusal := judge(s, b, here, day(1))
		if refusal != nil {
			t.Fatal(refusal)
		}
		sequence := uint32(p.Sequence)
		l, err := s.VerifyLLS(signed(s, bytes.Clone(b), sequence, 3), p, here)
		if err != nil || l.Options != packet.ExtLR|packet.ExtRS {
			t.Errorf("%v: %+v, %v", s.Keys[0].Algorithm, l, err)
		}
		other := Scheme{Extended: s.Extended, Keys: []Key{with(1, s.Keys[0].Algorithm, "second")}}
		tampered := signed(s, bytes.Clone(b), sequence, 1)
		tampered[len(tampered)-s.Keys[0].Algorithm.DigestLen()-9] ^= 2
		for name, spoilt := range map[string][]byte{
			"no block":        b,
			"no signature":    append(bytes.Clone(b), 0, 0, 0, 3, 0, 1, 0, 4, 0, 0, 0, 1),
			"sequence number": signed(s, bytes.Clone(b), sequence-1, 1),
			"another key":     signed(other, bytes.Clone(b), sequence, 1),
			"tampered":        tampered,
		} {
			if l, err := s.VerifyLLS(spoilt, p, here); err == nil || l.Options != 0 {
				t.Errorf("%v, %s: %+v", s.Keys[0].Algorithm, name, l)
			}
		}
	}
	plain := Scheme{}
	b := made(plain, packet.Header{})
	if l, err := plain.VerifyLLS(append(b, 0xff, 0xf6, 0, 3, 0, 1, 0, 4, 0, 0, 0, 1), Proof{}, here); err != nil || l.Options != packet.ExtLR {
		t.Errorf("without authentication: %+v, %v", l, err)
	}
}
