package bfd

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/subtle"
	"encoding/binary"
)

// AuthType is an authentication type (RFC 5880 4.1).
type AuthType uint8

// Authentication types.
const (
	NoAuth AuthType = iota
	SimplePassword
	KeyedMD5
	MeticulousKeyedMD5
	KeyedSHA1
	MeticulousKeyedSHA1
)

// Lengths of the authentication sections in bytes (RFC 5880 4.3, 4.4).
const (
	md5Length  = 24
	sha1Length = 28
	digestAt   = 8 // offset of the digest in the section
)

// Auth is the authentication of a session (RFC 5880 6.7); the zero value is none.
type Auth struct {
	Type AuthType
	Keys []AuthKey // the first one signs, all of them verify
}

// AuthKey is a password or secret key: 1..16 bytes, with SHA1 1..20.
type AuthKey struct {
	ID     uint8
	Secret string
}

func (t AuthType) meticulous() bool { return t == MeticulousKeyedMD5 || t == MeticulousKeyedSHA1 }

// digest writes the digest over packet into its own place there; the key stands
// in it while it is calculated (6.7.3, 6.7.4).
func (t AuthType) digest(packet []byte, secret string) {
	place := packet[minLength+digestAt:]
	clear(place)
	copy(place, secret)
	if t == KeyedMD5 || t == MeticulousKeyedMD5 {
		sum := md5.Sum(packet)
		copy(place, sum[:])
		return
	}
	sum := sha1.Sum(packet)
	copy(place, sum[:])
}

// length is that of the section; a password's depends on the key.
func (t AuthType) length(secret string) int {
	switch t {
	case SimplePassword:
		return 3 + len(secret)
	case KeyedMD5, MeticulousKeyedMD5:
		return md5Length
	}
	return sha1Length
}

// sign appends the authentication section to a packet that has room for it and
// already has its length (RFC 5880 6.7.2 to 6.7.4).
func (s *session) sign(packet []byte) []byte {
	a := &s.cfg.Auth
	key := a.Keys[0]
	packet = append(packet, byte(a.Type), byte(a.Type.length(key.Secret)), key.ID)
	if a.Type == SimplePassword {
		return append(packet, key.Secret...)
	}
	// 6.7.3: every packet with the meticulous types; with the others when the contents change.
	if a.Type.meticulous() || s.changed {
		s.xmitSeq++
	}
	packet = append(packet, 0)
	packet = binary.BigEndian.AppendUint32(packet, s.xmitSeq)
	packet = packet[:minLength+a.Type.length(key.Secret)]
	a.Type.digest(packet, key.Secret)
	return packet
}

// authenticate applies the rules of RFC 5880 6.7 to a received packet; whole is
// all of it, section a part of that.
func (s *session) authenticate(whole, section []byte) Discard {
	a := &s.cfg.Auth
	switch {
	case a.Type == NoAuth && section != nil:
		return UnexpectedAuth
	case a.Type == NoAuth:
		return accepted
	case section == nil:
		return MissingAuth
	case AuthType(section[0]) != a.Type:
		return WrongAuthType
	case len(section) < 3 || int(section[1]) != len(section):
		return BadAuthLength
	}
	for _, key := range a.Keys {
		if key.ID != section[2] {
			continue
		}
		if len(section) != a.Type.length(key.Secret) {
			return BadAuthLength
		}
		if a.Type == SimplePassword {
			if subtle.ConstantTimeCompare(section[3:], []byte(key.Secret)) != 1 {
				return BadDigest
			}
			return accepted
		}
		return s.verify(whole, section, key.Secret)
	}
	return UnknownKey
}

// verify checks sequence number and digest. The number is taken over only from a
// packet whose digest is right, which the order of 6.7.3 leaves open to forgers.
func (s *session) verify(whole, section []byte, secret string) Discard {
	t := s.cfg.Auth.Type
	seq := binary.BigEndian.Uint32(section[4:])
	if s.seqKnown {
		ahead, least := seq-s.rcvSeq, uint32(0)
		if t.meticulous() {
			least = 1
		}
		if ahead < least || ahead > 3*uint32(whole[2]) {
			return BadSequence
		}
	}
	var packet [maxLength]byte
	n := copy(packet[:], whole[:minLength+len(section)])
	t.digest(packet[:n], secret)
	if subtle.ConstantTimeCompare(packet[minLength+digestAt:n], section[digestAt:]) != 1 {
		return BadDigest
	}
	s.seqKnown, s.rcvSeq = true, seq
	return accepted
}
