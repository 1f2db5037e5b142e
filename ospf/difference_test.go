package ospf

import (
	"net/netip"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/ecmpd/ecmpd/ospf/auth"
	"github.com/ecmpd/ecmpd/ospf/packet"
)

// Every field of the configuration is one that Compare knows.
func TestCompare_EveryField(t *testing.T) {
	known[Config](t, routerFields[:], "Areas", "VirtualLinks") // compared one by one
	known[Area](t, areaFields[:], "ID", "Interfaces")
	known[InterfaceConfig](t, interfaceFields[:])
}

// known wants each field of T to be set by one of the rows.
func known[T any](t *testing.T, rows []field[T], without ...string) {
	t.Helper()
	typ := reflect.TypeFor[T]()
	for n := range typ.NumField() {
		name := typ.Field(n).Name
		if slices.Contains(without, name) {
			continue
		}
		var from T
		fill(reflect.ValueOf(&from).Elem().Field(n))
		found := slices.ContainsFunc(rows, func(r field[T]) bool {
			var to T
			r.set(&to, from)
			return !reflect.ValueOf(to).Field(n).IsZero()
		})
		if !found {
			t.Errorf("%s.%s has no row in difference.go: what does a change of it mean to neighbours?", typ.Name(), name)
		}
	}
}

// fill makes a value other than zero.
func fill(v reflect.Value) {
	switch v.Kind() {
	case reflect.Bool:
		v.SetBool(true)
	case reflect.String:
		v.SetString("x")
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
	case reflect.Struct:
		fill(v.Field(0))
	default:
		v.Set(reflect.ValueOf(1).Convert(v.Type()))
	}
}

// What Compare says comes true: adjacencies end and own LSAs change where it says so, and nowhere else.
func TestCompare_ComesTrue(t *testing.T) {
	key := func(id uint8, secret string) auth.Key {
		return auth.Key{ID: id, Algorithm: auth.MD5, Secret: auth.NewSecret(secret)}
	}
	static := PrefixRange{Prefix: pfx("198.51.100.0/24"), Ge: 24, Le: 24}
	for _, c := range []struct {
		name   string
		edit   func(*Config, *InterfaceConfig)
		impact Impact
	}{
		{"the same", func(*Config, *InterfaceConfig) {}, ImpactNone},
		{"cost", func(_ *Config, i *InterfaceConfig) { i.Cost = 77 }, ImpactLSA},
		{"cost of no link", func(c *Config, _ *InterfaceConfig) {
			c.Areas[0].Interfaces = append(c.Areas[0].Interfaces, interfaceConfig("absent"))
		}, ImpactNone},
		{"weight", func(_ *Config, i *InterfaceConfig) { i.Weight = 9 }, ImpactLSA},
		{"priority", func(_ *Config, i *InterfaceConfig) { i.Priority = 9 }, ImpactNone},
		{"retransmit interval", func(_ *Config, i *InterfaceConfig) { i.RetransmitInterval = time.Second }, ImpactNone},
		{"link data", func(_ *Config, i *InterfaceConfig) { i.LinkData = LinkDataIfIndex }, ImpactLSA},
		{"SPF delay", func(c *Config, _ *InterfaceConfig) { c.SPFDelay.Initial = time.Second }, ImpactNone},
		{"redistribution of nothing", func(c *Config, _ *InterfaceConfig) { // the E bit
			c.Redistribute = []Redistribute{{Source: Kernel}}
		}, ImpactLSA},
		{"redistribution", func(c *Config, _ *InterfaceConfig) {
			c.Redistribute = []Redistribute{{Source: Static, Prefixes: []PrefixRange{static}, Metric: 7}}
		}, ImpactLSA},
		{"default", func(c *Config, _ *InterfaceConfig) { c.Default = DefaultOriginate{When: DefaultAlways, Metric: 1} }, ImpactLSA},
		{"stub router", func(c *Config, _ *InterfaceConfig) { c.StubRouter.Administrative = true }, ImpactLSA},
		{"stub router on shutdown", func(c *Config, _ *InterfaceConfig) { c.StubRouter.OnShutdown = time.Second }, ImpactNone},
		{"name", func(c *Config, _ *InterfaceConfig) { c.Hostname = "other" }, ImpactLSA},
		{"hash", func(c *Config, _ *InterfaceConfig) { c.Multipath = &packet.Multipath{Policy: 1} }, ImpactLSA},
		{"filter without border", func(c *Config, _ *InterfaceConfig) { c.Areas[0].Export = []PrefixRange{static} }, ImpactNone},
		{"another area beside", func(c *Config, _ *InterfaceConfig) { c.Areas = append(c.Areas, Area{ID: 9}) }, ImpactLSA},
		{"passive", func(_ *Config, i *InterfaceConfig) { i.Passive = true }, ImpactAdjacency},
		{"type", func(_ *Config, i *InterfaceConfig) { i.Type = TypeBroadcast }, ImpactAdjacency},
		{"area", func(c *Config, _ *InterfaceConfig) { c.Areas[0].ID = 3 }, ImpactAdjacency},
		{"no longer matched", func(_ *Config, i *InterfaceConfig) { i.Match = match("!tun0") }, ImpactAdjacency},
		{"loopback is no longer matched", func(_ *Config, i *InterfaceConfig) { i.Match = match("!lo") }, ImpactLSA},
		{"other words for the same", func(_ *Config, i *InterfaceConfig) { i.Match = match("e*", "t*", "lo") }, ImpactNone},
		{"allowed", func(_ *Config, i *InterfaceConfig) { i.Allowed = []netip.Prefix{pfx("10.0.0.0/8")} }, ImpactNone},
		{"not allowed", func(_ *Config, i *InterfaceConfig) { i.Allowed = []netip.Prefix{pfx("10.0.0.0/24")} }, ImpactAdjacency},
		{"hello interval", func(_ *Config, i *InterfaceConfig) { i.HelloInterval = 3 * time.Second }, ImpactAdjacency},
		{"TTL security", func(_ *Config, i *InterfaceConfig) { i.TTLHops = 1 }, ImpactAdjacency},
		{"other key", func(_ *Config, i *InterfaceConfig) { i.Auth.Keys = []auth.Key{key(1, "new")} }, ImpactAdjacency},
		{"later key", func(_ *Config, i *InterfaceConfig) {
			later := key(2, "new")
			later.Send.From, later.Accept.From = time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC), time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
			i.Auth.Keys = append(slices.Clone(i.Auth.Keys), later)
		}, ImpactNone},
		{"no key", func(_ *Config, i *InterfaceConfig) { i.Auth = auth.Scheme{} }, ImpactAdjacency},
		{"router id", func(c *Config, _ *InterfaceConfig) { c.RouterID = 0x01010102 }, ImpactAdjacency},
	} {
		t.Run(c.name, func(t *testing.T) {
			scheme := auth.Scheme{Keys: []auth.Key{key(1, "old")}}
			l := newLab(t, func(l *lab) {
				l.cfg.Areas[0].Interfaces[0].Auth = scheme
				l.cfg.Multipath, l.cfg.Hostname = &packet.Multipath{}, "name"
			})
			p := l.peer("tun0", "2.2.2.2", "10.1.0.2")
			p.auth, p.key = scheme, scheme.Keys[0]
			l.step(Offer{Source: Static, Add: []netip.Prefix{static.Prefix}})
			p.bring(nbrFull)
			l.advance(60 * time.Second)
			l.wantState(p, nbrFull)
			before := l.ownSequences()
			next := l.cfg
			next.Areas = slices.Clone(next.Areas)
			next.Areas[0].Interfaces = slices.Clone(next.Areas[0].Interfaces)
			c.edit(&next, &next.Areas[0].Interfaces[0])
			differences := l.e.Compare(next)
			said := ImpactNone
			for _, d := range differences {
				said = max(said, d.Impact)
			}
			l.happened(p.addr)
			l.cfg = next
			l.step(next)
			l.quietly(60 * time.Second)
			came := ImpactNone
			if !reflect.DeepEqual(before, l.ownSequences()) {
				came = ImpactLSA
			}
			if changes := l.happened(p.addr); len(changes) > 0 {
				came = ImpactAdjacency
			}
			if said != c.impact || came != c.impact {
				t.Errorf("said %s, came %s, should be %s: %v", said, came, c.impact, differences)
			}
			if (c.name == "the same") != (len(differences) == 0) && c.impact > ImpactNone {
				t.Errorf("differences %v", differences)
			}
			if again := l.e.Compare(next); len(again) > 0 {
				t.Errorf("after the reload there are still %v", again)
			}
		})
	}
}

// ownSequences are the sequence numbers of the LSAs that the engine originates.
func (l *lab) ownSequences() (list []packet.LSAHeader) {
	db := l.e.Database(l.now)
	for _, s := range append(db.Areas, db.External) {
		for _, h := range s.LSAs {
			if h.Adv == l.e.cfg.RouterID {
				list = append(list, packet.LSAHeader{Type: h.Type, ID: h.ID, Seq: h.Seq})
			}
		}
	}
	return list
}

// quietly lets time pass while peers send the Hellos that they sent before, for as long as there is an
// interface for them.
func (l *lab) quietly(d time.Duration) {
	l.t.Helper()
	for range int(d / time.Second) {
		for _, p := range l.peers {
			if l.e.iface(p.ifname) == nil {
				p.alive = false
			}
		}
		l.advance(time.Second)
	}
}
