package ospf

import (
	"net/netip"
	"time"

	"github.com/ecmpd/ecmpd/ospf/auth"
)

// BFD says how the neighbours of an interface are watched by BFD (RFC 5880); the zero
// value is not at all.
type BFD struct {
	MinInterval time.Duration // between packets, both ways
	Multiplier  uint8         // packets in a row that may be lost, 1..255; 0: no BFD
	Auth        auth.Scheme   // keys of one algorithm, of cleartext, MD5 and SHA-1 (not the HMAC, RFC 5880 6.7)
	Meticulous  bool          // the sequence number grows with every packet
}

// BFDSession is one session that the engine asks for.
type BFDSession struct {
	BFD
	Local, Peer  netip.Addr
	PointToPoint bool // the neighbour is the only one on the link
}

// BFDDown says that the path to a neighbour has failed: its BFD session was Up and is
// Down. An administrative end of the session is no such thing (RFC 5882 4.2).
type BFDDown struct {
	Interface string
	Neighbor  netip.Addr
	Reason    string
}

func (BFDDown) input() {}

// BFDSessions lists the sessions that an interface wants now: one with each neighbour
// that hears us, adjacent or not, because packets for what is behind it take the direct
// way on a LAN. They do not change without a NeighborChange, an InterfaceChange or
// a [Config]. A session that does not come up hinders no adjacency: the neighbour may
// not know BFD (RFC 5882 4.1).
func (e *Engine) BFDSessions(ifname string) []BFDSession {
	i := e.iface(ifname)
	if i == nil || i.cfg.BFD.Multiplier == 0 {
		return nil
	}
	var list []BFDSession
	for _, n := range i.neighbors {
		if n.state >= nbrTwoWay {
			list = append(list, BFDSession{BFD: i.cfg.BFD, Local: i.address(), Peer: n.addr, PointToPoint: i.pair()})
		}
	}
	return list
}

// bfdDown ends a neighbour as if its dead interval were over (RFC 5882 4.2.1, 10.1.2).
func (e *Engine) bfdDown(in BFDDown) {
	i := e.iface(in.Interface)
	if i == nil || i.cfg.BFD.Multiplier == 0 {
		return
	}
	for _, n := range i.neighbors {
		if n.addr == in.Neighbor && n.state >= nbrTwoWay {
			n.event(inactivityTimer, "BFD down: "+in.Reason)
			return
		}
	}
}
