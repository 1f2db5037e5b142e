// Package auth authenticates OSPFv2 packets: simple passwords and keyed MD5
// (RFC 2328 appendix D), HMAC-SHA (RFC 5709) and extended sequence numbers (RFC
// 7474). It chooses keys by the time of day, puts digests behind packets and
// judges those of others. It keeps no state: which sequence number may come
// next is for the caller to remember.
//
//	key.go      algorithms, secrets, lifetimes, keys   RFC 2328 D.3, RFC 8177
//	scheme.go   what an interface does; which key       RFC 2328 D.3, D.4.3, RFC 7474 4
//	digest.go   message digests                         RFC 2328 D.4.3, RFC 5709 3.3, RFC 7474 5, 6
//	append.go   packets to send                         RFC 2328 D.4
//	verify.go   packets received                        RFC 2328 D.5
//
// What the RFCs leave open, decided here:
//
//   - Of several keys that may be sent with, the one whose time began last is
//     taken (RFC 2328 D.4.3); of those that began together, the one that stands last.
//   - When the time of every key is over, the one that ended last goes on for
//     ever (RFC 2328 D.3); when none has begun yet, as on a router whose clock
//     is not set, the first one to begin is used. Nothing is ever sent without.
//   - A secret longer than the digest is hashed, as RFC 5709 3.3 says; a stock HMAC
//     does so only beyond the block length.
//   - A block of link-local signalling (RFC 5613) has a digest of its own, which is calculated like that of the
//     packet; a block whose digest is wrong is ignored, and the packet is not.
package auth
