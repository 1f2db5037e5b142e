package packet

import "encoding/binary"

// packetChecksum is the ones' complement checksum of a whole packet, without
// its checksum field and the eight bytes of authentication (RFC 2328 D.4.1, D.4.2).
// len(p) is a multiple of four, at least HeaderLen.
func packetChecksum(p []byte) uint16 {
	// A packet has at most 2^14 words, so their sum fits easily.
	sum := sumWords(p[0:12]) + uint64(binary.BigEndian.Uint16(p[14:])) + sumWords(p[HeaderLen:])
	return ^fold(sum)
}

// fold makes the ones' complement sum of 16 bit words of one of 32 bit words.
func fold(sum uint64) uint16 {
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return uint16(sum)
}

// foldWords is the ones' complement sum of b, a multiple of four bytes; all ones when
// a checksum in it is right.
func foldWords(b []byte) uint16 { return fold(sumWords(b)) }

func sumWords(b []byte) (sum uint64) {
	for ; len(b) >= 4; b = b[4:] {
		sum += uint64(binary.BigEndian.Uint32(b))
	}
	return sum
}

// lsaChecksumOffset is where the checksum lies in an LSA without its age.
const lsaChecksumOffset = 16 - 2

// FletcherChecksum calculates the checksum that a complete LSA must carry: ISO 8473
// over all of it but the age, with the checksum field taken as zero (RFC 2328
// 12.1.7). It is never 0. raw is at least LSAHeaderLen long.
func FletcherChecksum(raw []byte) uint16 {
	b := raw[2:]
	// 64 bits hold both sums without reduction: an LSA has less than 2^16 bytes.
	var c0, c1 uint64
	for _, v := range b[:lsaChecksumOffset] {
		c0 += uint64(v)
		c1 += c0
	}
	c1 += 2 * c0 // the two bytes of the checksum itself
	for _, v := range b[lsaChecksumOffset+2:] {
		c0 += uint64(v)
		c1 += c0
	}
	// The two check bytes x and y make both sums vanish modulo 255.
	behind := uint64(len(b)-lsaChecksumOffset-1) % 255
	s0, s1 := c0%255, c1%255
	x := (behind*s0 + 255 - s1) % 255
	y := (2*255 - s0 - x) % 255
	// 255 and 0 are the same number modulo 255; ISO 8473 sends 255.
	if x == 0 {
		x = 255
	}
	if y == 0 {
		y = 255
	}
	return uint16(x<<8 | y)
}

// SetChecksum fills in the checksum of a complete LSA.
func SetChecksum(raw []byte) {
	binary.BigEndian.PutUint16(raw[16:], FletcherChecksum(raw))
}

// SetAge sets the age of a complete LSA, in seconds; the checksum does not cover it.
func SetAge(raw []byte, age uint16) {
	binary.BigEndian.PutUint16(raw, age)
}
