package routeros

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/ecmpd/ecmpd/routeros/script"
)

// readOSPFTemplate reads an entry of version 7: interfaces by name, by list or by network.
func (im *importer) readOSPFTemplate(i int, s *script.Statement) {
	if kind := s.Value("type"); kind == "virtual-link" {
		im.virtualLink(i, s, s.Value("vlink-transit-area"), s.Value("vlink-neighbor-id"))
		return
	}
	a := im.areaOf(i, s, "area")
	if a == nil || im.full(i, len(im.ospf.entries), maxOSPFEntries, "OSPF interfaces") {
		return
	}
	e := &entry{i: i, line: s.Line, area: a}
	e.keys, e.missing = im.interfaceKeys(s)
	links := im.templateLinks(e, s)
	for _, network := range items(s.Value("networks")) {
		p, ok := parsePrefix(network)
		switch {
		case !ok:
			n, _ := s.Arg("networks")
			im.find(n.At, InvalidValue, "networks=%s is no list of IPv4 prefixes", clip(n.Value, 40))
			e.missing = "its networks are not valid"
		case len(links) > 0:
			im.note(s.Pos, Assumed, "the template names interfaces and networks: the interfaces are taken, whatever their addresses are")
		case p.Bits() == 0:
			e.match = append(e.match, "*")
		default:
			e.match = append(e.match, p.Masked().String())
		}
	}
	if e.match = append(links, e.match...); len(e.match) > maxMatches {
		e.match = e.match[:maxMatches]
		im.note(s.Pos, Assumed, "more than %d interfaces in one template: the others are left out", maxMatches)
	}
	switch {
	case len(e.match) > 0:
	case e.missing != "":
		e.match = []string{clip(s.Value("interfaces")+s.Value("networks"), 40)}
	default:
		e.match = []string{"*"}
		im.note(s.Pos, Assumed, "the template names no interface: RouterOS 7 takes all")
	}
	im.ospf.entries = append(im.ospf.entries, e)
}

// maxMatches bounds the interfaces of one template.
const maxMatches = 100

// templateLinks are the interfaces of a template.
func (im *importer) templateLinks(e *entry, s *script.Statement) (links []string) {
	for _, link := range items(s.Value("interfaces")) {
		members, isList := im.links.lists[link]
		switch {
		case link == "all":
			return []string{"*"}
		case isList:
			links = append(links, members...)
		default:
			links = append(links, link)
		}
	}
	return slices.DeleteFunc(links, func(link string) bool {
		if isLinkName(link) {
			return false
		}
		e.missing = "no interface of Linux can be called " + clip(link, 40)
		return true
	})
}

// readRedistribution7 reads redistribute=connected,static and originate-default=always.
func (im *importer) readRedistribution7(in *instance, s *script.Statement) {
	if a, ok := s.Arg("redistribute"); ok {
		for _, source := range items(a.Value) {
			if source != "connected" && source != "static" {
				im.note(a.At, Assumed, "redistribute=%s is not taken over: routes of %[1]s are not redistributed in this version", clip(source, 40))
				continue
			}
			in.redistribute = append(in.redistribute, keyed{"redistribute=" + source, "source: " + source, a.Line})
		}
	}
	switch a, _ := s.Arg("originate-default"); a.Value {
	case "always":
		in.originate = []keyed{{"when", "always", a.Line}}
	case "if-installed":
		in.originate = []keyed{{"when", "present", a.Line}}
	}
}

// interfaceTypes are the types of networks in both versions. Version 7 calls ptmp what speaks to each neighbour by
// itself, and ptmp-broadcast what version 6 calls ptmp.
var interfaceTypes = map[string]string{
	"broadcast": "broadcast", "nbma": "non-broadcast", "ptmp": "point-to-multipoint", "ptmp-broadcast": "point-to-multipoint",
	"point-to-point": "point-to-point", "ptp": "point-to-point", "ptp-unnumbered": "point-to-point", "default": "", "": "",
}

// interfaceKeys reads how OSPF runs on an interface, which both versions say alike;
// missing says why the entry can not be used as it is.
func (im *importer) interfaceKeys(s *script.Statement) (keys []keyed, missing string) {
	add := func(key, value string, at script.Pos) { keys = append(keys, keyed{key, value, at.Line}) }
	for _, name := range []string{"network-type", "type"} {
		a, ok := s.Arg(name)
		word, known := interfaceTypes[a.Value]
		switch {
		case !ok || a.Value == "virtual-link":
		case !known:
			missing = fmt.Sprintf("%s=%s is no type of network", name, clip(a.Value, 20))
		case word != "":
			add("interface-type", word, a.Pos)
			if name == "type" && a.Value == "ptmp" {
				add("multicast", "false", a.Pos)
			}
		}
	}
	if s.Flag("passive") {
		add("passive", "true", s.Pos)
	}
	for _, n := range []struct {
		name, key        string
		lowest, fallback int
		highest          int
	}{{"cost", "cost", 1, 10, 65535}, {"priority", "priority", 0, 1, 255}} {
		if a, ok := s.Arg(n.name); ok && a.Value != "" {
			add(n.key, fmt.Sprint(im.number(s, n.name, n.fallback, n.lowest, n.highest)), a.Pos)
		}
	}
	keys = append(keys, im.intervals(s)...)
	if s.Flag("use-bfd") {
		add("bfd", "true", s.Pos)
	}
	if value, why, at := im.authentication(s); why != "" {
		missing = why
	} else if value != "" {
		add("authentication", value, at)
	}
	return keys, missing
}

// intervals reads the timers; a dead interval that is no longer than a hello is reported and left out.
func (im *importer) intervals(s *script.Statement) (keys []keyed) {
	hello := 10
	for _, name := range []string{"hello-interval", "dead-interval", "retransmit-interval", "transmit-delay"} {
		a, ok := s.Arg(name)
		if !ok || a.Value == "" {
			continue
		}
		highest := 65535
		if name == "retransmit-interval" || name == "transmit-delay" {
			highest = 3600
		}
		v, ok := seconds(a.Value)
		switch {
		case !ok || v < 1 || v > highest || name == "hello-interval" && 4*v > 65535:
			im.find(a.At, InvalidValue, "%s=%s is no time from 1s to %ds", name, clip(a.Value, 40), highest)
			continue
		case name == "hello-interval":
			hello = v
		case name == "dead-interval" && v <= hello:
			im.find(a.At, InvalidValue, "dead-interval=%s is not longer than the hello-interval of %ds", clip(a.Value, 40), hello)
			continue
		}
		keys = append(keys, keyed{name, fmt.Sprintf("%ds", v), a.Line})
	}
	return keys
}

// seconds reads "10s", "1m30s", "10" and "00:00:10".
func seconds(text string) (int, bool) {
	if n, ok := decimal(text); ok {
		return n, true
	}
	if t, err := time.Parse("15:04:05", text); err == nil {
		return t.Hour()*3600 + t.Minute()*60 + t.Second(), true
	}
	d, err := time.ParseDuration(text)
	return int(d / time.Second), err == nil && d%time.Second == 0
}

// algorithms are the words of both versions for what a key is used with.
var algorithms = map[string]struct {
	name    string
	longest int // secret in bytes; 0 for any
}{
	"simple": {"cleartext", 8}, "md5": {"md5", 16},
	"sha1": {"hmac-sha-1", 0}, "sha256": {"hmac-sha-256", 0}, "sha384": {"hmac-sha-384", 0}, "sha512": {"hmac-sha-512", 0},
}

// authentication reads how packets are authenticated; why says what is missing for it.
func (im *importer) authentication(s *script.Statement) (value, why string, at script.Pos) {
	a, ok := s.Arg("authentication")
	id, key := "authentication-key-id", "authentication-key"
	if auth, is7 := s.Arg("auth"); is7 {
		a, ok, id, key = auth, true, "auth-id", "auth-key"
	}
	if !ok || a.Value == "none" || a.Value == "" {
		return "", "", a.Pos
	}
	algorithm, known := algorithms[a.Value]
	secret, _ := s.Arg(key)
	printed := strings.ContainsFunc(secret.Value, func(r rune) bool { return r < ' ' || r > '~' })
	switch {
	case !known:
		im.find(a.At, InvalidValue, "%s=%s is not known", a.Name, clip(a.Value, 20))
		return "", "its authentication is not known", a.Pos
	case secret.Value == "":
		im.find(a.At, EmptyValue, "%s=%s wants a key, and %s is not there: exports leave keys out unless they are asked for (show-sensitive)", a.Name, a.Value, key)
		return "", key + " is not there", a.Pos
	case algorithm.longest > 0 && len(secret.Value) > algorithm.longest:
		im.find(a.At, InvalidValue, "the key of %s=%s has %d bytes, and %d are used at most", a.Name, a.Value, len(secret.Value), algorithm.longest)
		return "", "its key is too long", a.Pos
	case printed:
		im.find(a.At, InvalidValue, "the key has characters that do not belong into one")
		return "", "its key has strange characters", a.Pos
	}
	number := im.number(s, id, 1, 0, 255)
	return fmt.Sprintf("{key-id: %d, algorithm: %s, key: %s}", number, algorithm.name, quoted(secret.Value)), "", a.Pos
}

// quoted writes a text in quotes whatever it is.
func quoted(text string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(text) + `"`
}

func (im *importer) readRouterID(i int, s *script.Statement) {
	if _, ok := im.ospf.routerIDs[s.Value("name")]; !ok {
		im.skip(i, "a router id wants name and id")
	}
}

// learnRouterID keeps the id of a name, which lines before it may use.
func (im *importer) learnRouterID(s *script.Statement) {
	id, err := netip.ParseAddr(s.Value("id"))
	if err != nil || s.Value("name") == "" || s.Flag("disabled") {
		return
	}
	if im.ospf.routerIDs == nil {
		im.ospf.routerIDs = make(map[string]netip.Addr)
	}
	im.ospf.routerIDs[s.Value("name")] = id
}
