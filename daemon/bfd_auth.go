package daemon

import (
	"context"
	"slices"
	"time"

	"github.com/ecmpd/ecmpd/bfd"
	"github.com/ecmpd/ecmpd/config"
	"github.com/ecmpd/ecmpd/ospf"
	"github.com/ecmpd/ecmpd/ospf/auth"
)

// bfdAuth is the authentication of a session at a time of day: the first key signs.
func bfdAuth(b ospf.BFD, wall time.Time) bfd.Auth {
	if len(b.Auth.Keys) == 0 {
		return bfd.Auth{}
	}
	sign, _ := b.Auth.SendKey(wall)
	a := bfd.Auth{Type: bfdAuthType(sign.Algorithm, b.Meticulous), Keys: []bfd.AuthKey{bfdKey(sign)}}
	for _, k := range b.Auth.Accepted(wall) {
		if k.ID != sign.ID {
			a.Keys = append(a.Keys, bfdKey(k))
		}
	}
	return a
}

func bfdKey(k auth.Key) bfd.AuthKey { return bfd.AuthKey{ID: k.ID, Secret: k.Secret.Text()} }

func bfdAuthType(a auth.Algorithm, meticulous bool) bfd.AuthType {
	switch {
	case a == auth.Cleartext:
		return bfd.SimplePassword
	case a == auth.MD5 && meticulous:
		return bfd.MeticulousKeyedMD5
	case a == auth.MD5:
		return bfd.KeyedMD5
	case meticulous:
		return bfd.MeticulousKeyedSHA1
	}
	return bfd.KeyedSHA1
}

// keysRolled says that other keys of BFD sessions count now.
type keysRolled struct{}

// rollInterval is how late a key may be, a small part of any sensible overlap.
const rollInterval = time.Second

// rollBFDKeys asks for all sessions anew when a lifetime of one of their keys begins or
// ends.
func (d *daemon) rollBFDKeys(ctx context.Context) error {
	tick := time.NewTicker(rollInterval)
	defer tick.Stop()
	for last := time.Now(); ; {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		now := time.Now().Round(0) // lifetimes are times of day
		if slices.ContainsFunc(bfdSchemes(d.currentConfig()), func(s auth.Scheme) bool {
			at := s.Change(last)
			return !at.IsZero() && !at.After(now) || now.Before(last) // the clock was set back
		}) {
			d.askAllOSPFSessions()
			d.routes.inbox.put(keysRolled{})
		}
		last = now
	}
}

// bfdSchemes lists the authentication of all sessions that have one.
func bfdSchemes(c *config.Config) (list []auth.Scheme) {
	add := func(b ospf.BFD) {
		if len(b.Auth.Keys) > 0 {
			list = append(list, b.Auth)
		}
	}
	for _, a := range c.OSPF.Areas {
		for _, i := range a.Interfaces {
			add(i.BFD)
		}
	}
	for _, b := range c.StaticBFD {
		add(b)
	}
	for _, b := range c.BGPBFD {
		add(b)
	}
	return list
}
