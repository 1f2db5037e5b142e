package routeros

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/ecmpd/ecmpd/routeros/script"
)

// ospfRecords is what the script says of OSPF, in either version.
type ospfRecords struct {
	instance  *instance
	areas     []*area
	networks  []ospfNetwork // version 6
	entries   []*entry
	all       *entry // version 6: interface=all, for what no other entry names
	links     []virtualLink
	neighbors []ospfNeighbor
	routerIDs map[string]netip.Addr // of /routing id, by name
	ranges    int                   // of all areas
}

// instance is one OSPF process.
type instance struct {
	name         string
	id           netip.Addr // the zero Addr when the script says none
	idAt         script.Pos
	redistribute []keyed
	originate    []keyed
	line         int
}

// keyed is one key of the configuration with its value as YAML and where it is from.
type keyed struct {
	key, value string
	line       int
}

// area is one area.
type area struct {
	name    string
	id      netip.Addr
	line    int // 0 for the backbone of version 6, which is always there
	keys    []keyed
	normal  bool
	entries []*entry
	ranges  []areaRange
	missing string
}

type areaRange struct {
	prefix netip.Prefix
	keys   []keyed
	line   int
}

// entry is how OSPF runs on some interfaces.
type entry struct {
	i       int
	line    int
	area    *area // nil in version 6, where networks say it
	match   []string
	keys    []keyed
	missing string // why it is not complete

	neighbors []ospfNeighbor
}

type virtualLink struct {
	i       int
	transit string // name of the area
	router  netip.Addr
	keys    []keyed
	line    int
	missing string
}

// Bounds of what is written.
const (
	maxAreas       = 200
	maxOSPFEntries = 500
	maxRanges      = 500
	maxNetworks    = 1000
	maxLinks       = 100
)

// areaNamed returns the area of this name, or nil. The one called backbone is always there in version 6.
func (im *importer) areaNamed(name string) *area {
	for _, a := range im.ospf.areas {
		if a.name == name {
			return a
		}
	}
	if name == "backbone" && !im.seven {
		return im.backbone()
	}
	return nil
}

// backbone returns area 0.0.0.0, which is made when the script has not said it.
func (im *importer) backbone() *area {
	for _, a := range im.ospf.areas {
		if a.id == netip.IPv4Unspecified() {
			return a
		}
	}
	a := &area{name: "backbone", id: netip.IPv4Unspecified(), normal: true}
	im.ospf.areas = append(im.ospf.areas, a)
	return a
}

// areaOf returns the area that a statement names; what is wrong with it is the reason to skip.
func (im *importer) areaOf(i int, s *script.Statement, param string) *area {
	name, ok := s.Arg(param)
	if !ok || name.Value == "" {
		im.skip(i, "%s has no value", param)
		return nil
	}
	a := im.areaNamed(name.Value)
	if a == nil {
		im.skip(i, "there is no area %s", clip(name.Value, 40))
		im.find(name.At, InvalidValue, "there is no OSPF area %s%s", clip(name.Value, 40), im.meantArea(name.Value))
	}
	return a
}

func (im *importer) meantArea(name string) string {
	var names []string
	for _, a := range im.ospf.areas {
		names = append(names, a.name)
	}
	if near := im.nearest(name, names); near != "" {
		return ": is " + clip(near, 40) + " meant?"
	}
	return ""
}

func (im *importer) readOSPFInstance(i int, s *script.Statement) {
	switch {
	case s.Value("version") == "3":
		im.skip(i, "OSPFv3 is not supported")
		return
	case s.Verb == "set" && im.ospf.instance != nil && selected(s) != "" && selected(s) != im.ospf.instance.name:
		im.skip(i, "ecmpd runs one OSPF process: the instance in line %d", im.ospf.instance.line)
		return
	case im.ospf.instance != nil && s.Verb == "add":
		im.skip(i, "ecmpd runs one OSPF process: the instance in line %d", im.ospf.instance.line)
		return
	}
	in := im.ospf.instance
	if in == nil {
		in = &instance{name: s.Value("name"), line: s.Line}
		im.ospf.instance = in
	}
	if a, ok := s.Arg("router-id"); ok {
		id, err := netip.ParseAddr(a.Value)
		if named, ok := im.ospf.routerIDs[a.Value]; ok {
			id, err = named, nil
		}
		switch {
		case err == nil && id.Is4() && id != netip.IPv4Unspecified() && id != netip.AddrFrom4([4]byte{255, 255, 255, 255}):
			in.id, in.idAt = id, a.At
		case a.Value != "0.0.0.0" && a.Value != "" && a.Value != "main":
			im.find(a.At, InvalidValue, "router-id=%s is no id of a router", clip(a.Value, 40))
		}
	}
	im.readRedistribution6(in, s)
	im.readRedistribution7(in, s)
}

// selected is the name in "set NAME ..." or "set [ find name=NAME ] ...", empty for the default.
func selected(s *script.Statement) string {
	if len(s.Args) == 0 || s.Args[0].HasValue {
		return ""
	}
	text := strings.Trim(s.Args[0].Name, "[] ")
	_, name, ok := strings.Cut(text, "name=")
	_, number := decimal(text)
	switch {
	case ok:
		return strings.Trim(name, "\" ")
	case number || text == "default" || strings.HasPrefix(text, "find"):
		return ""
	}
	return text
}

func (im *importer) readOSPFArea(i int, s *script.Statement) {
	name, id := s.Value("name"), netip.IPv4Unspecified()
	if s.Verb == "set" {
		if name = selected(s); name == "" {
			name = "backbone"
		}
		if im.areaNamed(name) == nil {
			im.skip(i, "there is no area %s before this line", clip(name, 40))
			return
		}
	}
	if inst := s.Value("instance"); im.ospf.instance != nil && inst != "" && im.ospf.instance.name != "" && inst != im.ospf.instance.name && inst != "default" {
		im.skip(i, "it is of another instance than the one in line %d", im.ospf.instance.line)
		return
	}
	if a, ok := s.Arg("area-id"); ok {
		var err error
		if id, err = netip.ParseAddr(a.Value); err != nil || !id.Is4() {
			im.find(a.At, InvalidValue, "area-id=%s is no dotted quad", clip(a.Value, 40))
			im.skip(i, "its area-id is not valid")
			return
		}
	} else if s.Verb == "add" {
		im.note(s.Pos, Assumed, "the area has no area-id: 0.0.0.0 is the default of RouterOS")
	}
	for _, other := range im.ospf.areas {
		if (other.id == id || other.name == name) && s.Verb == "add" {
			im.skip(i, "area %s is in line %d already", id, other.line)
			return
		}
	}
	a := im.areaNamed(name)
	if a == nil {
		if im.full(i, len(im.ospf.areas), maxAreas, "areas") {
			return
		}
		a = &area{name: name, id: id}
		im.ospf.areas = append(im.ospf.areas, a)
	}
	a.line = s.Line
	im.areaKeys(a, s)
}

// areaKeys reads the type of an area.
func (im *importer) areaKeys(a *area, s *script.Statement) {
	a.keys = nil
	kind, _ := s.Arg("type")
	a.normal = kind.Value != "stub" && kind.Value != "nssa"
	if a.normal {
		return
	}
	if a.id == netip.IPv4Unspecified() {
		a.missing = fmt.Sprintf("the backbone can not be of type %s (line %d)", kind.Value, s.Line)
	}
	add := func(key, value string) { a.keys = append(a.keys, keyed{key, value, s.Line}) }
	add("area-type", kind.Value)
	if s.Flag("no-summaries") || s.Value("inject-summary-lsas") == "no" {
		add("summary", "false")
	}
	if _, ok := s.Arg("default-cost"); ok {
		add("default-cost", fmt.Sprint(im.number(s, "default-cost", 1, 0, 16777214)))
	}
	if kind.Value == "nssa" {
		switch role := firstOf(s.Value("nssa-translator"), s.Value("translator-role")); role {
		case "yes", "translate-always", "always":
			add("nssa-translator", "always")
		case "no", "translate-never", "never":
			add("nssa-translator", "never")
		}
	}
}

func (im *importer) readOSPFRange(i int, s *script.Statement) {
	a := im.areaOf(i, s, "area")
	if a == nil {
		return
	}
	arg, _ := s.Arg("range")
	if p, ok := s.Arg("prefix"); ok {
		arg = p
	}
	p, ok := parsePrefix(arg.Value)
	if p = p.Masked(); !ok || p.Bits() == 0 {
		im.skip(i, "a range wants a prefix")
		return
	}
	for _, other := range im.ospf.areas {
		if slices.ContainsFunc(other.ranges, func(r areaRange) bool { return r.prefix == p }) {
			im.skip(i, "%s is a range of area %s already", p, other.id)
			return
		}
	}
	r := areaRange{prefix: p, line: s.Line}
	if s.Value("advertise") == "no" {
		r.keys = append(r.keys, keyed{"advertise", "false", s.Line})
	} else if cost := s.Value("cost"); cost != "" && cost != "calculated" && cost != "default" {
		r.keys = append(r.keys, keyed{"cost", fmt.Sprint(im.number(s, "cost", 1, 1, 16777214)), s.Line})
	}
	if !im.full(i, im.ospf.ranges, maxRanges, "ranges") {
		im.ospf.ranges++
		a.ranges = append(a.ranges, r)
	}
}
