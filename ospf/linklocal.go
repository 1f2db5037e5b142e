package ospf

import (
	"github.com/ecmpd/ecmpd/ospf/auth"
	"github.com/ecmpd/ecmpd/ospf/packet"
)

// receiveLLS reads the block of link-local signalling that the L bit of a Hello or Database Description packet announces
// (RFC 5613 2). One that is malformed, or not as authentic as the packet, is counted and ignored; the packet
// is not. This router has nothing to say there and never sets the L bit.
func (i *iface) receiveLLS(d Datagram, h packet.Header, body packet.Body, p auth.Proof) {
	var options packet.Options
	switch b := body.(type) {
	case *packet.Hello:
		options = b.Options
	case *packet.DBDesc:
		options = b.Options
	default:
		return
	}
	n := i.findNeighbor(h.RouterID, d.Src)
	if n == nil {
		return
	}
	if options&packet.OptL == 0 {
		n.extended = 0
		return
	}
	block, err := i.cfg.Auth.VerifyLLS(d.Data, p, d.Src)
	if err != nil {
		i.rejected[RejectLLS]++
	}
	n.extended = block.Options
}
