package routeros

import (
	"slices"
	"strings"
)

// judgeNames finds interfaces and lists that one line calls otherwise than the others.
func (im *importer) judgeNames() {
	im.judgeInterfaces()
	im.judgeMarkNames()
	im.judgeLists()
}

// interfaceParams are the parameters that name one interface.
var interfaceParams = []string{"in-interface", "out-interface", "interface", "in-bridge-port", "out-bridge-port"}

func (im *importer) judgeInterfaces() {
	if len(im.links.known) == 0 {
		return
	}
	names := im.knownNames()
	var used []use
	for i := range im.Statements {
		s := &im.Statements[i]
		if !strings.HasPrefix(s.Menu, "ip ") && !strings.HasPrefix(s.Menu, "routing ") || s.Flag("disabled") {
			continue
		}
		for _, a := range s.Args {
			switch {
			case !a.HasValue || a.Computed:
			case slices.Contains(interfaceParams, a.Name):
				used = append(used, use{strings.TrimPrefix(a.Value, "!"), a.At})
			case a.Name == "interfaces" && s.Menu == "routing ospf interface-template": // lists count as well
				for _, name := range items(a.Value) {
					if im.links.lists[name] == nil {
						used = append(used, use{name, a.At})
					}
				}
			}
		}
	}
	for _, r := range im.routes {
		for _, g := range r.gateways {
			used = append(used, use{g.link, g.at})
		}
	}
	for _, u := range distinct(used) {
		if _, ok := im.links.known[u.name]; ok || u.name == "" || isWildcard(u.name) || strings.Contains(u.name, ",") {
			continue
		}
		if near := im.nearest(u.name, names); near != "" && digits(near) == digits(u.name) && (len(u.name) > 3 || strings.EqualFold(near, u.name)) {
			im.find(u.at, InterfaceDiffers, "no other line knows interface %s: line %d calls it %s", clip(u.name, 40), im.links.known[near].Line, clip(near, 40))
		} else {
			im.note(u.at, InterfaceDiffers, "no other line knows interface %s", clip(u.name, 40))
		}
	}
}

// isWildcard knows the names that stand for several interfaces.
func isWildcard(name string) bool {
	return name == "all" || name == "none" || name == "lo" || strings.HasPrefix(name, "all-")
}

func (im *importer) knownNames() []string {
	names := make([]string, 0, len(im.links.known))
	for name := range im.links.known {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// judgeMarkNames finds marks that nearly hold the name of an interface, such as to_wla1 beside wlan1.
func (im *importer) judgeMarkNames() {
	names := im.knownNames()
	for _, kind := range []string{"connection", "routing"} {
		for _, u := range distinct(im.marksOf(kind).set) {
			parts := strings.FieldsFunc(u.name, func(r rune) bool { return strings.ContainsRune("_-. ", r) })
			if slices.ContainsFunc(parts, func(p string) bool { _, ok := im.links.known[p]; return ok }) {
				continue
			}
			for _, part := range parts {
				near := im.nearest(part, names)
				if len(part) >= 4 && near != "" && near[0] == part[0] && digits(near) == digits(part) && digits(part) != "" && distance(part, near) == 1 {
					im.note(u.at, NameDiffers, "mark %s has %s in its name, and the interface is called %s (line %d): harmless as long as it is spelt alike everywhere", clip(u.name, 40), part, near, im.links.known[near].Line)
				}
			}
		}
	}
}

// judgeLists finds address lists that rules ask for and nothing fills.
func (im *importer) judgeLists() {
	filled := make(map[string]bool)
	var names []string
	for _, name := range im.listNames {
		filled[name], names = true, append(names, name)
	}
	var used []use
	for i := range im.rules {
		for _, a := range im.rules[i].Args {
			switch {
			case !a.HasValue:
			case a.Name == "src-address-list" || a.Name == "dst-address-list":
				used = append(used, use{strings.TrimPrefix(a.Value, "!"), a.At})
			case a.Name == "address-list":
				filled[a.Value] = true // by the rule itself, as packets pass
			}
		}
	}
	im.judgeInterfaceLists()
	for _, u := range distinct(used) {
		if filled[u.name] || u.name == "" {
			continue
		}
		suggestion := ""
		if near := im.nearest(u.name, names); near != "" {
			suggestion = ": is " + clip(near, 40) + " meant?"
		}
		im.find(u.at, ListUndefined, "address list %s has no entry in this script%s", clip(u.name, 40), suggestion)
	}
}

// judgeInterfaceLists finds interface lists that rules ask for and that have no member.
func (im *importer) judgeInterfaceLists() {
	var used []use
	for i := range im.rules {
		for _, a := range im.rules[i].Args {
			if a.HasValue && (a.Name == "in-interface-list" || a.Name == "out-interface-list") {
				used = append(used, use{strings.TrimPrefix(a.Value, "!"), a.At})
			}
		}
	}
	for _, u := range distinct(used) {
		builtIn := slices.Contains([]string{"all", "none", "dynamic", "static", ""}, u.name)
		if !builtIn && len(im.links.lists[u.name]) == 0 {
			im.find(u.at, ListUndefined, "interface list %s has no member in this script", clip(u.name, 40))
		}
	}
}

// digits are the digits of a name: ether1 is not meant where ether2 stands.
func digits(name string) string {
	return strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, name)
}

const (
	maxNames  = 200  // that one is compared with
	maxAsking = 1000 // names that are compared with all others; what is beyond goes without a suggestion
)

// nearest returns the name that text was probably meant to be, or nothing.
func (im *importer) nearest(text string, names []string) string {
	best, nearest := 3, ""
	im.asked++
	if im.asked > maxAsking || len(text) < 3 || len(text) > 64 || len(names) > maxNames {
		return ""
	}
	for _, name := range names {
		if strings.EqualFold(name, text) && name != text {
			return name
		}
		if d := distance(text, name); d > 0 && d < best && d*3 <= max(len(text), len(name)) {
			best, nearest = d, name
		}
	}
	return nearest
}

// distance counts the letters to insert, remove or replace; 3 stands for all that is more.
func distance(a, b string) int {
	if len(a)-len(b) > 2 || len(b)-len(a) > 2 {
		return 3
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost = min(diagonal, row[j], row[j+1]) + 1
			}
			diagonal, row[j+1] = row[j+1], cost
		}
	}
	return min(row[len(b)], 3)
}
