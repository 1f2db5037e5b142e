package routeros

import (
	"fmt"
	"net/netip"

	"github.com/ecmpd/ecmpd/routeros/script"
)

// write writes the configuration.
func (im *importer) write(name string, w *ways) string {
	t := &text{}
	version := ""
	if im.Version != "" {
		version = " (RouterOS " + clip(im.Version, 20) + ")"
	}
	t.remark("Imported by ecmpd from %s%s; the lines in the comments are those of that file.", name, version)
	t.remark("Interfaces have the names that they have there: write those of this machine.")
	t.remark("")
	id, why := im.routerID(w)
	t.line(0, "router-id: "+id.String(), why)
	im.writeOSPF(t, w, id)
	im.writeStatic(t)
	im.writeWAN(t, w)
	im.writeTransit(t)
	im.writeBGP(t)
	im.skipUnused()
	return t.b.String()
}

// routerID takes that of OSPF, or an address of the router: one of a LAN first, which stays.
func (im *importer) routerID(w *ways) (netip.Addr, string) {
	if in := im.ospf.instance; in != nil && in.id.IsValid() {
		return in.id, fmt.Sprintf("line %d", in.idAt.Line)
	}
	best, ok := address{}, false
	for _, own := range im.addresses {
		if len(w.ofLink(own.link)) == 0 {
			best, ok = own, true
			break
		}
		if !ok {
			best, ok = own, true
		}
	}
	if ok {
		im.note(best.at, Assumed, "router-id: the script says none; %s is taken, the address of %s", best.addr, clip(best.link, 40))
		return best.addr, fmt.Sprintf("line %d: address of %s; the script says no router-id", best.at.Line, clip(best.link, 40))
	}
	placeholder := netip.AddrFrom4([4]byte{192, 0, 2, 1})
	at := script.Pos{Line: 1, Column: 1}
	if len(im.Statements) > 0 {
		at = im.Statements[0].Pos
	}
	im.note(at, Assumed, "router-id: the script says none, nor any address; %s of the documentation stands in its place: write one of the router's own", placeholder)
	return placeholder, "to be replaced: the script says no router-id and no address"
}

func firstOf(values ...string) string {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}
