package lsdb

import (
	"bytes"
	"time"

	"github.com/ecmpd/ecmpd/ospf/packet"
)

// Entry is one installed LSA instance. There are very many: it is kept small. The database never changes its contents.
type Entry struct {
	// LSAHeader is the header as installed: Age is the age at Installed.
	packet.LSAHeader
	// Raw is the complete LSA as received, header included. Nobody modifies it.
	Raw       []byte
	Installed time.Time
	// Flooded is set by the engine on what came by flooding: what it made
	// itself or asked for did not (RFC 2328 section 13 (5)(a)).
	Flooded bool
	// Changed is set by the engine when the contents differ from those of an instance that some neighbour may still have.
	Changed bool
	// Refs counts the retransmission lists that hold the instance (RFC 2328
	// section 13.6). It is the engine's; the database does not look at it.
	Refs int32

	heapPos int32 // in the expiry heap plus one; 0: not in it
}

// expires is when the age reaches MaxAge, of an entry without the DoNotAge bit.
func (e *Entry) expires() time.Time {
	return e.Installed.Add(time.Duration(packet.MaxAge-e.Age) * time.Second)
}

// Key returns what identifies the LSA in its flooding scope.
func (e *Entry) Key() packet.Key { return e.LSAHeader.Key() }

// AgeAt returns the LS age in seconds at now, at most MaxAge (RFC 2328 sections
// 12.1.1 and 14). An age with the DoNotAge bit does not advance (RFC 1793 section 2.2).
func (e *Entry) AgeAt(now time.Time) uint16 { return e.age(now, 0) }

// IsMaxAge reports whether the LSA is at MaxAge at now.
func (e *Entry) IsMaxAge(now time.Time) bool { return e.AgeAt(now)&^packet.DoNotAge == packet.MaxAge }

// IsIndication reports whether the LSA says that routers beyond its area do not
// know the DoNotAge bit (RFC 1793 section 2.5.1).
func (e *Entry) IsIndication() bool {
	return e.Type == packet.LSASBRSummary && e.Options&packet.OptDC == 0 && e.ID == e.Adv
}

// HeaderAt returns the header with the age at now.
func (e *Entry) HeaderAt(now time.Time) packet.LSAHeader {
	h := e.LSAHeader
	h.Age = e.AgeAt(now)
	return h
}

// AppendAt appends the LSA to dst with the age at now plus extra seconds
// (InfTransDelay, RFC 2328 section 13.3), at most MaxAge. The checksum does not cover the age.
func (e *Entry) AppendAt(dst []byte, now time.Time, extra uint16) []byte {
	start := len(dst)
	dst = append(dst, e.Raw...)
	packet.SetAge(dst[start:], e.age(now, extra))
	return dst
}

// age returns the age at now plus extra. On an LSA with the DoNotAge bit only
// extra is added, and the bit stays (RFC 1793 section 2.2).
func (e *Entry) age(now time.Time, extra uint16) uint16 {
	bit := e.Age & packet.DoNotAge
	seconds := int64(e.Age&^packet.DoNotAge) + int64(extra)
	if bit == 0 {
		seconds += max(0, int64(now.Sub(e.Installed)/time.Second))
	}
	return uint16(min(seconds, packet.MaxAge)) | bit
}

// differs reports whether the contents of new differ from those of old in the
// sense of RFC 2328 section 13.2.
func differs(old, new *Entry, now time.Time) bool {
	return old.Options != new.Options ||
		old.IsMaxAge(now) != new.IsMaxAge(now) ||
		!bytes.Equal(old.Raw[packet.LSAHeaderLen:], new.Raw[packet.LSAHeaderLen:])
}

// fingerprint hashes key, sequence number and checksum: two rounds of the
// splitmix64 finaliser, which spreads each bit over the whole word.
func (e *Entry) fingerprint() uint64 {
	h := mix(uint64(e.ID)<<32 | uint64(e.Adv))
	h = mix(h ^ uint64(uint32(e.Seq))<<32 ^ uint64(e.Checksum)<<16 ^ uint64(e.Type))
	return h
}

func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
