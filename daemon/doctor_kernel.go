package daemon

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/ecmpd/ecmpd/config"
	"github.com/ecmpd/ecmpd/doctor"
	"github.com/ecmpd/ecmpd/doctor/host"
	"github.com/ecmpd/ecmpd/fib"
	"github.com/ecmpd/ecmpd/fib/sysctl"
	"github.com/ecmpd/ecmpd/link"
)

func kernelRelease() string {
	var u unix.Utsname
	if unix.Uname(&u) != nil {
		return ""
	}
	return unix.ByteSliceToString(u.Release[:])
}

// settingFacts reads the kernel settings.
func (d *daemon) settingFacts(f *doctor.Facts) (err error) {
	number := func(name string) (n int) {
		text, e := d.settings.Get(name)
		if e == nil {
			_, e = fmt.Sscan(text, &n)
		}
		err = errors.Join(err, e)
		return n
	}
	f.Forwarding = number("net.ipv4.ip_forward") == 1
	f.MaxMemberships = number("net.ipv4.igmp_max_memberships")
	for i := range f.Interfaces {
		n := &f.Interfaces[i]
		if _, e := d.settings.Get("net/ipv4/conf/" + n.Name + "/forwarding"); e != nil {
			continue // the link has gone
		}
		n.Forwarding = number("net/ipv4/conf/"+n.Name+"/forwarding") == 1
		n.Strict = d.settings.ReversePath(n.Name) == sysctl.ReversePathStrict
	}
	h, e := d.readHash()
	f.Hash = doctor.Hash(h)
	if h.Policy != 3 {
		f.Hash.Fields = 0
	}
	f.Wanted = d.wantedHash()
	if d.currentConfig().Transit.Mode == config.TransitAuto {
		f.Windows = number(liberal) == 0
	}
	f.Seed = d.seedFact()
	return errors.Join(err, e)
}

// seedFact compares the seed of the kernel's hash with that of the shared key.
func (d *daemon) seedFact() doctor.Seed {
	key, shared := sharedKey(d.currentConfig())
	if !shared {
		return doctor.SeedRight
	}
	seed, err := d.settings.Seed()
	switch {
	case err != nil:
		return doctor.SeedNone
	case seed != key.Seed:
		return doctor.SeedForeign
	}
	return doctor.SeedRight
}

// wantedHash is what applySysctls sets.
func (d *daemon) wantedHash() doctor.Hash {
	if d.currentConfig().ECMP.Hash == config.HashL3 {
		return doctor.Hash{}
	}
	if _, err := d.settings.Get("net.ipv4.fib_multipath_hash_fields"); err != nil {
		return doctor.Hash{Policy: 1} // before Linux 5.14
	}
	return doctor.Hash{Policy: 3, Fields: 0x37}
}

// hearing finds interfaces that are up and hear no hello.
func hearing(machine host.Host, f *doctor.Facts, links link.Snapshot) error {
	members, err := machine.Groups(netip.AddrFrom4([4]byte{224, 0, 0, 5})) // AllSPFRouters
	if err != nil {
		return err
	}
	for i, n := range f.Interfaces {
		l, ok := links.ByName(n.Name)
		f.Interfaces[i].Deaf = ok && l.Up && !n.Passive && !n.Unicast && !slices.Contains(members, n.Name)
	}
	return nil
}

// ownSource looks for routes that kernel.source would serve.
func (d *daemon) ownSource(ctx context.Context, s fib.Status) (o doctor.OwnSource, err error) {
	if source := d.currentConfig().Kernel.Source; source != (config.Source{}) {
		return o, nil
	}
	address, err := askLoop(ctx, d.routes.inbox, func() netip.Addr {
		return preferredSource(config.Source{Auto: true}, d.routes.links, d.routes.interfaces)
	})
	if err != nil || !address.IsValid() {
		return o, err
	}
	o.Address = address
	for _, r := range s.Routes {
		if len(r.Hops) < 2 {
			continue
		}
		if o.Routes == 0 {
			o.Example = r.Prefix
		}
		o.Routes++
	}
	return o, nil
}
