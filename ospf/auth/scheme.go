package auth

import (
	"slices"
	"time"

	"github.com/ecmpd/ecmpd/ospf/packet"
)

// Scheme is how an interface authenticates. Without keys it does not (RFC 2328
// D.1). The kind of each key gives the authentication type of its packets, so a
// chain can lead from passwords to digests.
type Scheme struct {
	Chain    string // name of the key chain; empty when the keys belong to the interface alone
	Keys     []Key
	Extended bool // RFC 7474: digests go with authentication type 3
}

// SendKey chooses the key to send with at the time of day; there must be one at
// least. stale: its own time is over or has not begun, and there is no better one.
func (s Scheme) SendKey(wall time.Time) (k Key, stale bool) {
	best := -1
	for n, k := range s.Keys {
		// RFC 2328 D.4.3, RFC 7474 4.1: the most recent start.
		if k.Send.Contains(wall) && (best < 0 || !k.Send.From.Before(s.Keys[best].Send.From)) {
			best = n
		}
	}
	if best >= 0 {
		return s.Keys[best], false
	}
	return s.Keys[s.last(wall, func(k Key) Lifetime { return k.Send })], true
}

// Accepted lists the keys whose packets are taken at the time of day.
func (s Scheme) Accepted(wall time.Time) []Key {
	var keys []Key
	for n, k := range s.Keys {
		if s.accepts(n, wall) {
			keys = append(keys, k)
		}
	}
	return keys
}

// Change is the next instant after wall at which a lifetime of a key begins or ends; zero
// when there is none.
func (s Scheme) Change(wall time.Time) (next time.Time) {
	for _, k := range s.Keys {
		for _, at := range []time.Time{k.Send.From, k.Send.Until, k.Accept.From, k.Accept.Until} {
			if at.After(wall) && (next.IsZero() || at.Before(next)) {
				next = at
			}
		}
	}
	return next
}

// last is the index of the key that serves when none is valid (RFC 2328 D.3): the
// one that ended last or, when none has begun, the first one to begin.
func (s Scheme) last(wall time.Time, of func(Key) Lifetime) int {
	best := 0
	for n, k := range s.Keys {
		a, b := of(k), of(s.Keys[best])
		switch {
		case a.over(wall) && b.over(wall):
			if !a.Until.Before(b.Until) {
				best = n
			}
		case a.over(wall) || !b.over(wall) && a.From.Before(b.From):
			best = n
		}
	}
	return best
}

// accepts tells whether packets of the n-th key are taken at the time of day
// (RFC 2328 D.5.3 (1)).
func (s Scheme) accepts(n int, wall time.Time) bool {
	if s.Keys[n].Accept.Contains(wall) {
		return true
	}
	valid := slices.ContainsFunc(s.Keys, func(k Key) bool { return k.Accept.Contains(wall) })
	return !valid && n == s.last(wall, func(k Key) Lifetime { return k.Accept })
}

// Overhead is how many bytes a packet of the scheme has behind it at most.
func (s Scheme) Overhead() int {
	longest := 0
	for _, k := range s.Keys {
		longest = max(longest, s.trailerLen(k))
	}
	return longest
}

// auType is the authentication type of packets with the key.
func (s Scheme) auType(k Key) uint16 {
	switch {
	case k.Algorithm == Cleartext:
		return packet.AuSimple
	case s.Extended:
		return packet.AuExtended
	}
	return packet.AuCrypto
}

// trailerLen is the length of what stands behind a packet: the digest, after
// the sequence number of RFC 7474 2.
func (s Scheme) trailerLen(k Key) int {
	if s.auType(k) == packet.AuExtended {
		return sequenceLen + k.Algorithm.DigestLen()
	}
	return k.Algorithm.DigestLen()
}

// sequenceLen is the length of an extended sequence number.
const sequenceLen = 8

// Agrees tells whether neighbours that stay as they are go on understanding this end, and
// this end them, when next takes the place of the scheme. They were heard last with the
// keys of these ids, and so know them.
func (s Scheme) Agrees(next Scheme, heard []uint8, wall time.Time) bool {
	if len(s.Keys) == 0 || len(next.Keys) == 0 {
		return len(s.Keys) == len(next.Keys)
	}
	same := func(a, b Key) bool { return a.ID == b.ID && a.Algorithm == b.Algorithm && a.Secret == b.Secret }
	now, _ := s.SendKey(wall)
	then, _ := next.SendKey(wall)
	known := same(now, then) || slices.ContainsFunc(s.Keys, func(k Key) bool {
		return same(k, then) && len(heard) > 0 && !slices.ContainsFunc(heard, func(id uint8) bool { return id != k.ID })
	})
	if !known || s.Extended != next.Extended {
		return false
	}
	for _, k := range s.Keys {
		taken := slices.IndexFunc(next.Keys, func(o Key) bool { return same(k, o) })
		if slices.Contains(heard, k.ID) && (taken < 0 || !next.accepts(taken, wall)) {
			return false
		}
	}
	return true
}
