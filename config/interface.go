package config

import (
	"net/netip"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/ecmpd/ecmpd/ospf"
)

var linkDatas = []choice[ospf.LinkData]{
	{"ifindex", ospf.LinkDataIfIndex},
	{"address", ospf.LinkDataAddress},
}

// iface reads one entry of an area's interfaces. Ranges are those of RFC 2328
// C.3 and RFC 9129; reference is the bandwidth that stands for cost 1, 0 for none.
func (r *report) iface(raw *rawInterface, reference uint32) ospf.InterfaceConfig {
	i := ospf.InterfaceConfig{
		Match:              r.match(raw),
		Passive:            r.boolean(raw.Passive, false),
		Cost:               uint16(r.number(raw.Cost, 10, 1, 65535)),
		Weight:             uint8(r.number(raw.Weight, 1, 1, 254)),
		Priority:           uint8(r.number(raw.Priority, 1, 0, 255)),
		HelloInterval:      r.helloInterval(raw.HelloInterval),
		RetransmitInterval: r.retransmitInterval(raw.RetransmitInterval),
		TransmitDelay:      r.transmitDelay(raw.TransmitDelay),
		MTUIgnore:          r.boolean(raw.MTUIgnore, false),
		SuppressPrefix:     r.boolean(raw.Suppress, false),
		LinkData:           enum(r, raw.LinkData, ospf.LinkDataAuto, linkDatas),
		Auth:               r.authentication(raw.Authentication),
		BFD:                r.bfd(section(raw.BFD)),
		TTLHops:            r.ttlHops(section(raw.TTLSecurity)),
		Allowed:            r.prefixes(raw.Allowed),
	}
	if raw.Cost == nil {
		i.ReferenceBandwidth = reference
	}
	r.networkType(raw, &i)
	i.DeadInterval = r.deadInterval(raw.HelloInterval, raw.DeadInterval, i.HelloInterval)
	if detection := i.BFD.MinInterval * time.Duration(i.BFD.Multiplier); detection >= i.DeadInterval {
		r.warnf(raw.BFD.Node, "BFD detects a failure after %s, no sooner than the dead-interval %s does", seconds(detection), seconds(i.DeadInterval))
	}
	return i
}

// ttlHops reads how many links a packet may cross (RFC 5082); 0 when that is not limited.
func (r *report) ttlHops(raw *rawTTLSecurity) uint8 {
	hops := uint8(r.number(raw.Hops, 1, 1, 254))
	if !r.boolean(raw.Enabled, false) {
		return 0
	}
	return hops
}

func (r *report) helloInterval(n *node) time.Duration {
	return r.duration(n, 10*time.Second, time.Second, 65535*time.Second, time.Second)
}

func (r *report) retransmitInterval(n *node) time.Duration {
	return r.duration(n, 5*time.Second, 100*time.Millisecond, time.Hour, time.Millisecond)
}

func (r *report) transmitDelay(n *node) time.Duration {
	return r.duration(n, time.Second, time.Second, time.Hour, time.Second)
}

// deadInterval defaults to four hellos and must outlast one (RFC 2328 C.3).
func (r *report) deadInterval(rawHello, rawDead *node, hello time.Duration) time.Duration {
	const highest = 65535 * time.Second
	dead := r.duration(rawDead, 4*hello, time.Second, highest, time.Second)
	switch {
	case dead > highest:
		r.errorf(rawHello, "%s %s makes dead-interval, four times that, longer than %s: write a dead-interval",
			rawHello.key, seconds(hello), seconds(highest))
	case dead <= hello && rawDead != nil:
		r.errorf(rawDead, "%s %s must be longer than hello-interval %s: %s is usual",
			rawDead.key, seconds(dead), seconds(hello), seconds(4*hello))
	}
	return dead
}

// match reads the names, globs and prefixes of an entry. Exclusions come first
// in the result, so that they win wherever they stand in the list.
func (r *report) match(raw *rawInterface) ospf.Match {
	if !raw.Node.hasItems("match") {
		r.errorf(raw.Node, "\"match\" is missing: write the name of a link, a glob such as \"vpn*\", or a prefix")
	}
	var m ospf.Match
	for _, n := range raw.Match {
		if item, ok := r.matchItem(n); ok {
			m = append(m, item)
		}
	}
	slices.SortStableFunc(m, func(a, b ospf.MatchItem) int {
		switch {
		case a.Exclude == b.Exclude:
			return 0
		case a.Exclude:
			return -1
		}
		return 1
	})
	return m
}

// longestName is IFNAMSIZ without its end mark.
const longestName = 15

func (r *report) matchItem(n *node) (ospf.MatchItem, bool) {
	text, exclude := strings.CutPrefix(n.text, "!")
	item := ospf.MatchItem{Exclude: exclude}
	_, addrErr := netip.ParseAddr(text)
	switch {
	case text == "" || strings.ContainsAny(text, " \t\n"):
		r.errorf(n, "%s %q is no name of a link: write a name, a glob such as \"vpn*\", or a prefix", n.key, n.text)
		return item, false
	case strings.Contains(text, "/") || addrErr == nil:
		p, err := parsePrefix(text)
		if err != nil {
			r.errorf(n, "%s: %v", n.key, err)
			return item, false
		}
		item.Prefix = p
		return item, true
	}
	if _, err := path.Match(text, ""); err != nil {
		r.errorf(n, "%s %q is no valid glob: * is any text, ? one character, [abc] one of these", n.key, n.text)
		return item, false
	}
	if isName(text) && len(text) > longestName {
		r.errorf(n, "%s %q is longer than the %d characters that a link's name can have", n.key, n.text, longestName)
		return item, false
	}
	item.Glob = text
	return item, true
}

// isName tells a plain name from a glob.
func isName(glob string) bool { return !strings.ContainsAny(glob, `*?[\`) }

// maxEntries bounds the interface entries of a file; each is compared with all before it.
const maxEntries = 2000

// entry is an interface entry in file order over all areas.
type entry struct {
	node  *node
	match ospf.Match
}

// warnUnreachable finds entries that never get a link because an earlier one
// takes all of theirs: the first match wins.
func (r *report) warnUnreachable(entries []entry) {
	if len(entries) > maxEntries {
		r.errorf(entries[maxEntries].node, "more than %d interface entries: one entry can take many links by a glob", maxEntries)
		return
	}
	for i, later := range entries {
		for _, earlier := range entries[:i] {
			if covers(earlier.match, later.match) {
				r.warnf(later.node, "no link ever gets here: the entry in line %d takes the same links first", earlier.node.line)
				break
			}
		}
	}
}

// covers tells whether every link of b is surely one of a as well. It may
// miss cases, and is never wrong when it says yes.
func covers(a, b ospf.Match) bool {
	if len(a) == 0 || len(b) == 0 {
		return false
	}
	if slices.Equal(a, b) {
		return true
	}
	if a[0].Exclude || b[len(b)-1].Exclude {
		return false // a lets links through, or b takes all but a few
	}
	for _, item := range b {
		if !item.Exclude && !slices.ContainsFunc(a, func(wide ospf.MatchItem) bool { return wider(wide, item) }) {
			return false
		}
	}
	return true
}

func wider(a, b ospf.MatchItem) bool {
	if a.Glob == "*" || a == b {
		return true
	}
	if a.Prefix.IsValid() || b.Prefix.IsValid() {
		return a.Prefix.IsValid() && b.Prefix.IsValid() &&
			a.Prefix.Bits() <= b.Prefix.Bits() && a.Prefix.Contains(b.Prefix.Addr())
	}
	ok, err := path.Match(a.Glob, b.Glob)
	return err == nil && ok && isName(b.Glob)
}
