// Package injector is a synthetic OSPFv2 neighbour: it brings adjacencies with
// a router under test to Full and shows it a network that exists only as LSAs,
// of any size. It is built on ospf/packet alone and shares no protocol code
// with the engine that it measures.
//
//	injector.go  Injector: one socket, any number of links
//	socket.go    the raw socket
//	batch.go     many datagrams in one system call
//	link.go      one adjacency: hellos and the way to Full (RFC 2328 10)
//	exchange.go  the database exchange (RFC 2328 10.6 to 10.8)
//	flood.go     updates, acknowledgements, retransmission (RFC 2328 13)
//	bfd.go       the passive end of BFD sessions (RFC 5880, 5881)
//	network.go   grids, rings, trees and their router-LSAs
//	external.go  AS-external-LSAs
//
// It does what a measurement needs and no more. All links are point-to-point.
// It never asks for the LSAs of the router under test, it acknowledges them;
// it calculates no routes and refreshes nothing, so that a network lives for
// an hour (MaxAge). Everything is encoded before the clock of a measurement starts:
// answering costs a copy into a datagram.
package injector
