package routeros

import "fmt"

// writeBGP writes the section. RouterOS takes and tells everything where no filter says otherwise.
func (im *importer) writeBGP(t *text) {
	b := &im.bgp
	if len(b.peers)+len(b.networks)+len(im.bgp.lists) == 0 {
		return
	}
	missing := ""
	if b.as == "" {
		missing = "the script does not say which autonomous system this is: write as"
	}
	t.remark("")
	t.out(0, missing, func() {
		t.line(0, "bgp:", "")
		t.line(2, "as: "+firstOf(b.as, "0"), fmt.Sprintf("line %d", b.asLine))
		t.keys(2, b.routerID)
		t.line(2, "ebgp-requires-policy: false", "RouterOS takes and tells everything where no filter says otherwise")
		im.writeBGPNetworks(t)
		if len(b.redistribute) > 0 {
			t.line(2, "redistribute:", "")
			for _, k := range b.redistribute {
				t.line(4, "- {source: "+k.value+"}", fmt.Sprintf("line %d: %s", k.line, k.key))
			}
		}
		if len(b.peers) > 0 {
			t.line(2, "neighbors:", "")
		}
		for _, p := range b.peers {
			if p.internal {
				p.as = b.as
			}
			t.out(4, p.missing, func() {
				t.line(4, "- address: "+p.addr.String(), fmt.Sprintf("line %d", p.line))
				t.line(6, "remote-as: "+firstOf(p.as, "0"), fmt.Sprintf("line %d", p.line))
				t.keys(6, p.keys)
			})
		}
	})
}

// writeBGPNetworks writes the networks, and those of the address lists that connections name.
func (im *importer) writeBGPNetworks(t *text) {
	all := im.bgp.networks
	for _, k := range im.bgp.lists {
		l := im.lists[k.value]
		if l == nil || len(l.prefixes) == 0 {
			continue
		}
		l.wanted = true
		for _, p := range l.prefixes {
			if len(all) < maxBGPNetworks {
				all = append(all, bgpNetwork{p, k.line})
			}
		}
	}
	if len(all) == 0 {
		return
	}
	t.line(2, "networks:", "")
	for _, n := range all {
		t.line(4, "- "+n.prefix.String(), fmt.Sprintf("line %d", n.line))
	}
}
