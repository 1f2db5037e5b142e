// Package packet is the OSPFv2 wire codec: RFC 2328 appendix A and the framing
// part of appendix D. It turns bytes into values and values into bytes, and
// judges whether an LSA is well formed; it knows nothing of states, timers,
// sockets or authentication keys.
//
// There are two levels. A received datagram goes through [Decode], which
// yields a [Header] and one [Body] per packet type; [Append] is the way back.
// LSAs stay bytes: an [LSUpdate] holds them undecoded, because what is flooded
// must be what was received. [CheckLSA] judges one of them, and DecodeRouterLSA
// and its siblings read one that was judged; [BuildLSA] makes one.
//
//	packet.go    common header, Decode, Append      A.3.1, D.4
//	hello.go     dbdesc.go  lsreq.go  lsupdate.go  lsack.go   A.3.2 to A.3.6
//	lsa.go       LSA header, keys, order of instances   A.4.1, 12.1, 13.1
//	check.go     CheckLSA                           13 (1), (2)
//	build.go     BuildLSA, opaque bodies
//	router.go    network.go  summary.go  external.go    A.4.2 to A.4.5
//	lls.go       the block behind a packet          RFC 5613
//	checksum.go  ones' complement and Fletcher      D.4, 12.1.7
//
// Every error is an [*Error] with a [Reason] out of a closed list, so that it
// can be counted. No length or count field is believed before it was compared
// with the bytes that are there; what is allocated is bounded by them.
//
// Where the RFC is silent or lax, this package decides:
//
//   - The length of a packet or an LSA that is not a multiple of four is an
//     error; bytes behind a packet (digest, RFC 5613 block, padding) are left alone.
//   - A Link State Update that counts more LSAs than fit into it is dropped as
//     a whole; bytes behind the last counted LSA are ignored. An LSA
//     with an impossible length ends the list (LSUpdate.Truncated).
//   - Router ids and advertising routers 0.0.0.0, 255.255.255.255 and
//     224.0.0.0/4 are refused.
//   - A router-LSA must carry the id of its advertising router (12.4.1);
//     everything else permits one router to shadow another (CVE-2013-0149).
//   - Metrics for a type of service other than 0 (withdrawn since RFC 2328) are
//     skipped, but the first metric must be the one for TOS 0.
//   - Byte 14 is the instance id (RFC 6549), so AuType is what byte 15 says.
package packet
