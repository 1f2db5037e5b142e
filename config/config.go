// Package config reads the configuration file: YAML to validated values, and
// every error with its place, the line it stands in, and what would be right.
//
//   - config.go: [Load], [Parse] and the [Config] that comes out
//   - problem.go: what an error looks like
//   - node.go, yaml.go: bytes to a tree with places; the YAML library and its
//     limits stay in yaml.go
//   - raw.go, decode.go: the tree into raw structs, strict about keys
//   - value.go, suggest.go: text to numbers, durations, prefixes and words
//   - wan.go, wanrule.go: the uplinks, and what is sent through which
//   - bgp_raw.go, bgp.go, bgp_reach.go, bgp_policy.go, bgp_announce.go: BGP, its neighbours, what is taken from them and told to them
//   - ospf.go, area.go, interface.go, keychain.go, bfd.go, redistribute.go, routing.go:
//     raw structs to clean values; defaults and ranges stand here
//   - place.go: where a value stands in the file
//   - redact.go: messages show lines of the file, but no secrets
//   - reference.yaml: every key, documented; [Reference] returns it
//
// Key names follow RFC 9129 where that model has a name for the thing. Of YAML only plain
// values, lists and mappings are accepted: no anchors, aliases, tags or second documents.
package config

import (
	"bytes"
	"fmt"
	"io"
	"net/netip"
	"os"
	"strings"

	"github.com/ecmpd/ecmpd/bgp"
	"github.com/ecmpd/ecmpd/bgp/announce"
	"github.com/ecmpd/ecmpd/bgp/policy"
	"github.com/ecmpd/ecmpd/fib"
	"github.com/ecmpd/ecmpd/firewall"
	"github.com/ecmpd/ecmpd/ospf"
	"github.com/ecmpd/ecmpd/ospf/packet"
	"github.com/ecmpd/ecmpd/rib"
	"github.com/ecmpd/ecmpd/wan"
)

// Config is a validated configuration with every default filled in.
type Config struct {
	OSPF     ospf.Config // Hostname is empty when the machine's name is meant
	Distance Distance
	Static   []rib.StaticRoute
	// StaticBFD says how the gateways of watched static hops are watched; nil: none is.
	StaticBFD map[netip.Addr]ospf.BFD
	ECMP      ECMP
	Transit   Transit
	Kernel    Kernel
	WAN       wan.Config
	BGP       bgp.Config
	// BGPPolicies are what neighbours name.
	BGPPolicies map[string]*policy.Policy
	Announce    announce.Config
	// BGPBFD says how neighbours with BFD are watched.
	BGPBFD map[netip.Addr]ospf.BFD
	// WANDefault says how the default route is announced by the state of the uplinks.
	WANDefault WANDefault
	Warnings   []Problem // what is accepted but hardly meant, in the order of the file
	Unready    []Problem // what keeps the daemon from running, though the file is right: see Ready

	tree *node // the file, see Place
}

// Distance is the administrative distance of OSPF routes, 1..255; 255 is never installed.
type Distance struct {
	IntraArea uint8
	InterArea uint8
	External  uint8
}

// WANDefault announces the default route with OSPF.Default while an uplink is up,
// in place of that when of it.
type WANDefault struct {
	Enabled    bool
	DownMetric uint32 // while none is up; 0 withdraws the route
}

// ECMP says how equal-cost paths are used.
type ECMP struct {
	MaxPaths  int // next hops a route has at most, 1..256
	Hash      Hash
	Symmetric bool   // the hash has the seed of a secret that all routers share
	Key       string // that secret; empty: the seed comes from the area, and can be guessed
	Resilient fib.Resilient
}

// Hash is what the kernel picks the next hop of a packet by.
type Hash uint8

// Hashes.
const (
	HashL3 Hash = iota + 1 // addresses
	HashL4                 // addresses, protocol and ports
)

// String returns the word of the configuration.
func (h Hash) String() string { return word(hashes, h) }

// Transit says what happens to packets that only pass through.
type Transit struct {
	Mode           TransitMode
	Tracked        []netip.Prefix   // stay under connection tracking even when they are transit
	Also           []netip.Prefix   // attached networks that several hubs serve: transit although connected
	ForwardAccept  bool             // accept untracked packets in the own forward chain
	InsertAccept   []firewall.Chain // of the operator, at whose heads untracked packets are accepted
	FirewalldZones []string         // among which firewalld accepts everything, sorted
	Policy         firewall.Policy  // for untracked packets; the zero Policy accepts them all
}

// TransitMode says whether transit packets bypass connection tracking.
type TransitMode uint8

// Transit modes.
const (
	TransitOff TransitMode = iota
	TransitNotrack
	TransitAuto
)

// String returns the word of the configuration.
func (m TransitMode) String() string { return word(transitModes, m) }

// Kernel says how the kernel's tables are written.
type Kernel struct {
	Protocol uint8  // routing-protocol number of own routes, rules and nexthops, 5..255
	Metric   uint32 // kernel metric of own routes, 1..4294967295
	Shutdown Shutdown
	Source   Source
}

// Source says which preferred source routes with several next hops have. The
// zero Source leaves it to the kernel.
type Source struct {
	Auto    bool       // an own address that OSPF announces
	Address netip.Addr // this one; the zero Addr with Auto and when it is off
}

// Shutdown says what a clean stop does with the kernel's state.
type Shutdown uint8

// Shutdowns.
const (
	ShutdownKeep Shutdown = iota
	ShutdownRemove
)

// String returns the word of the configuration.
func (s Shutdown) String() string { return word(shutdowns, s) }

// Load reads and validates a configuration file. A file that is wrong gives an [*Error].
func Load(path string) (*Config, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	defer f.Close()
	// One byte beyond the limit is enough for Parse to see that it is too large.
	data, err := io.ReadAll(io.LimitReader(f, maxSize+1))
	if err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	return Parse(path, data)
}

// Parse validates a configuration; name stands for the file in messages. What is
// wrong gives an [*Error].
func Parse(name string, data []byte) (*Config, error) {
	data = bytes.TrimPrefix(data, []byte("\uFEFF"))
	text := strings.ReplaceAll(string(data), "\r\n", "\n")
	r := &report{file: name, lines: strings.Split(text, "\n")}
	r.checkText(data)
	if err := r.err(); err != nil {
		return nil, err
	}
	top := r.parseYAML(text)
	if err := r.err(); err != nil {
		return nil, err
	}
	var raw rawConfig
	r.decode(top, &raw)
	c := r.config(&raw, top)
	if err := r.err(); err != nil {
		return nil, err
	}
	sortProblems(r.warnings)
	sortProblems(r.unready)
	c.Warnings, c.Unready, c.tree = r.warnings, r.unready, top
	return c, nil
}

// Ready is nil when a daemon can run with the configuration. Otherwise something
// outside of the file is missing, such as a key file; it is an [*Error].
func (c *Config) Ready() error { return newError(c.Unready) }

func (r *report) config(raw *rawConfig, top *node) *Config {
	r.chains = r.keyChains(raw.KeyChains)
	c := &Config{
		OSPF:     r.ospf(section(raw.OSPF)),
		Distance: r.distance(section(section(raw.OSPF).Distance)),
		ECMP:     r.ecmp(section(raw.ECMP)),
		Transit:  r.transit(raw.Transit),
		Kernel:   r.kernel(section(raw.Kernel)),
	}
	c.Static, c.StaticBFD = r.static(raw.Static)
	c.WAN = r.wan(raw.WAN)
	r.warnStaticDefault(raw)
	c.WANDefault = r.wanDefault(section(raw.OSPF).DefaultOriginate, raw.WAN)
	c.OSPF.RouterID = r.routerID(raw.RouterID, top)
	c.BGP, c.BGPBFD = r.bgp(raw.BGP, c.OSPF.RouterID)
	r.markRoutesOfBGP(c.OSPF.Redistribute, section(raw.OSPF).Redistribute, c.BGP.AS)
	r.checkReach(raw.BGP, c)
	c.Announce = r.announcements(raw.BGP, &c.BGP, c.WAN.Uplinks)
	for name, p := range r.policies {
		if c.BGPPolicies == nil {
			c.BGPPolicies = make(map[string]*policy.Policy)
		}
		c.BGPPolicies[name] = p.Policy
	}
	c.OSPF.Hostname = r.hostname(raw.Hostname)
	c.OSPF.VirtualLinks = r.checkVirtualLinks(r.virtual, c.OSPF.Areas, c.OSPF.RouterID)
	r.warnUnusedChains()
	if c.OSPF.GracefulRestart.Enabled && c.Kernel.Shutdown == ShutdownRemove {
		r.warnf(raw.Kernel.Shutdown, "nothing is removed at a stop that neighbours wait out (graceful-restart.enabled), only after ecmpd drain")
	}
	return c
}

// section makes a section that is not there an empty one, so that its defaults are filled in.
func section[T any](raw *T) *T {
	if raw == nil {
		return new(T)
	}
	return raw
}

func (r *report) routerID(n, top *node) packet.ID {
	if n == nil {
		// When the key is there, what is wrong with it was said already.
		if top.kind == mapping && !top.has("router-id") {
			r.errorf(top, "\"router-id\" is missing: write router-id: and an IPv4 address that no other router uses as its id")
		}
		return 0
	}
	id, err := packet.ParseID(n.text)
	if err != nil {
		r.errorf(n, "%s: %v", n.key, err)
		return 0
	}
	if id == 0 || id == ^packet.ID(0) {
		r.errorf(n, "%s %s is no id of a router: write an IPv4 address that no other router uses as its id", n.key, n.text)
	}
	return id
}

// word is the reverse of enum.
func word[T comparable](choices []choice[T], v T) string {
	for _, c := range choices {
		if c.value == v {
			return c.word
		}
	}
	return "unknown"
}

// hostname reads a name that routers tell each other (RFC 5642 3).
func (r *report) hostname(n *node) string {
	if n == nil {
		return ""
	}
	outside := func(c rune) bool { return c <= ' ' || c > '~' }
	if len(n.text) > packet.MaxHostname || strings.ContainsFunc(n.text, outside) {
		r.errorf(n, "%q is at most %d printable ASCII characters without blanks", n.key, packet.MaxHostname)
	}
	return n.text
}
