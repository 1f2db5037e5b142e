package auth

import (
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"hash"
	"net/netip"

	"github.com/ecmpd/ecmpd/ospf/packet"
)

// apad is the word of RFC 5709 3.3 that stands in for the digest while it is calculated.
var apad = [4]byte{0x87, 0x8f, 0xe1, 0xf3}

// protocolID is the Cryptographic Protocol ID of OSPFv2 (RFC 7474 6, 9).
const protocolID = "\x00\x03"

func (a Algorithm) hash() func() hash.Hash {
	switch a {
	case HMACSHA1:
		return sha1.New
	case HMACSHA256:
		return sha256.New
	case HMACSHA384:
		return sha512.New384
	case HMACSHA512:
		return sha512.New
	}
	return md5.New
}

// digest calculates the digest of a message: the packet, with authentication
// type 3 together with the sequence number behind it.
func (s Scheme) digest(k Key, message []byte, src netip.Addr) []byte {
	if k.Algorithm == MD5 { // RFC 2328 D.4.3 (6)
		h := md5.New()
		h.Write(message)
		var secret [md5.Size]byte
		copy(secret[:], k.Secret.text)
		h.Write(secret[:])
		return h.Sum(nil)
	}
	secret := k.Secret.text
	if s.auType(k) == packet.AuExtended {
		secret += protocolID
	}
	h := hmac.New(k.Algorithm.hash(), prepare(k.Algorithm, secret))
	h.Write(message)
	h.Write(pad(s, k, src))
	return h.Sum(nil)
}

// prepare makes Ko of a secret (RFC 5709 3.3 (1)). Zeros up to the digest's
// length need not be written: HMAC fills up to its block with zeros anyway.
func prepare(a Algorithm, secret string) []byte {
	if len(secret) <= a.DigestLen() {
		return []byte(secret)
	}
	h := a.hash()()
	h.Write([]byte(secret))
	return h.Sum(nil)
}

// pad is Apad: with authentication type 3 its first word is the source address
// of the IP header (RFC 7474 5).
func pad(s Scheme, k Key, src netip.Addr) []byte {
	b := make([]byte, 0, k.Algorithm.DigestLen())
	if s.auType(k) == packet.AuExtended && src.Is4() {
		b = append(b, src.AsSlice()...)
	}
	for len(b) < k.Algorithm.DigestLen() {
		b = append(b, apad[:]...)
	}
	return b
}
