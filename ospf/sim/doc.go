// Package sim is a virtual network with a virtual clock: OSPF engines joined
// by links that delay, lose, duplicate and reorder packets. It runs thousands of
// virtual seconds a second, and equal seeds give equal runs. Tests import it.
//
// Files: net.go (the clock and its event queue), router.go (an engine with
// what surrounds it), segment.go (links, LANs and their troubles), check.go (what must
// hold after quiet), oracle.go (the routes that must come out, computed from the
// network itself and not from LSAs).
//
// The simulation watches the engines' manners on the way: a packet with a
// source that is not the router's own, one that is too long for the link, a deadline
// that does not move, route changes that do not add up to the route table are
// faults, and [Net.Check] reports them. The bytes of a received packet are overwritten
// after the Step that got them, so that an engine that keeps a reference is found out.
package sim
