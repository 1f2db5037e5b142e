package routeros

import (
	"fmt"
	"net/netip"
)

// writeOSPF writes the section.
func (im *importer) writeOSPF(t *text, w *ways, id netip.Addr) {
	im.placeEntries6()
	im.placeNeighbors()
	entries := 0
	for _, a := range im.ospf.areas {
		entries += len(a.entries) + len(a.ranges)
	}
	in := im.ospf.instance
	if entries == 0 && (in == nil || len(in.redistribute)+len(in.originate) == 0) {
		return
	}
	t.remark("")
	t.line(0, "ospf:", "")
	im.writeAreas(t, id)
	if in == nil {
		return
	}
	if len(in.redistribute) > 0 {
		t.line(2, "redistribute:", "")
		for _, k := range in.redistribute {
			t.line(4, "- {"+k.value+"}", fmt.Sprintf("line %d: %s", k.line, k.key))
		}
	}
	if len(in.originate) > 0 {
		t.line(2, "default-originate:", "")
		for _, k := range in.originate {
			if k.value == "present" && w.complete() {
				k.value = "wan-up" // the default routes are those of the uplinks
			}
			t.line(4, k.key+": "+k.value, fmt.Sprintf("line %d", k.line))
		}
	}
}

func (im *importer) writeAreas(t *text, id netip.Addr) {
	if len(im.ospf.areas) == 0 {
		return
	}
	t.line(2, "areas:", "")
	for _, a := range im.ospf.areas {
		said := fmt.Sprintf("line %d: %s", a.line, clip(a.name, 40))
		if a.line == 0 {
			said = "the backbone, which is there without being said"
		}
		t.out(4, a.missing, func() {
			t.line(4, "- area-id: "+a.id.String(), said)
			t.keys(6, a.keys)
			im.writeRanges(t, a)
			im.writeEntries(t, a)
			if a.id == netip.IPv4Unspecified() {
				im.writeVirtualLinks(t, id)
			}
		})
	}
}

func (im *importer) writeRanges(t *text, a *area) {
	if len(a.ranges) == 0 {
		return
	}
	t.line(6, "ranges:", "")
	for _, r := range a.ranges {
		t.line(8, "- prefix: "+r.prefix.String(), fmt.Sprintf("line %d", r.line))
		t.keys(10, r.keys)
	}
}

func (im *importer) writeEntries(t *text, a *area) {
	if len(a.entries) == 0 {
		return
	}
	t.line(6, "interfaces:", "")
	for _, e := range a.entries {
		t.out(8, e.missing, func() {
			t.line(8, "- match: "+flow(e.match), fmt.Sprintf("line %d", e.line))
			t.keys(10, e.keys)
			t.writeNeighbors(10, e)
		})
	}
}

// writeVirtualLinks writes those that the configuration takes: through a normal area, to another router, once.
func (im *importer) writeVirtualLinks(t *text, id netip.Addr) {
	seen := make(map[string]bool)
	begun := false
	for _, l := range im.ospf.links {
		transit := im.areaNamed(l.transit)
		key := l.transit + "\n" + l.router.String()
		switch {
		case l.missing != "":
		case transit == nil || transit.missing != "":
			l.missing = "its transit area is not known"
		case !transit.normal || transit.id == netip.IPv4Unspecified():
			l.missing = "a virtual link passes through a normal area other than the backbone"
		case l.router == id:
			l.missing = "router id " + id.String() + " is this router's own"
		case seen[key]:
			l.missing = "it is there already"
		}
		seen[key] = true
		if l.missing != "" {
			im.skip(l.i, "%s", l.missing)
			continue
		}
		if !begun {
			t.line(6, "virtual-links:", "")
			begun = true
		}
		t.line(8, "- transit-area-id: "+transit.id.String(), fmt.Sprintf("line %d", l.line))
		t.line(10, "router-id: "+l.router.String(), fmt.Sprintf("line %d", l.line))
		t.keys(10, l.keys)
	}
}

// keys writes key: value lines.
func (t *text) keys(indent int, keys []keyed) {
	for _, k := range keys {
		t.line(indent, k.key+": "+k.value, fmt.Sprintf("line %d", k.line))
	}
}
