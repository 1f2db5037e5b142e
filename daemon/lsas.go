package daemon

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"maps"
	"net/netip"
	"slices"

	"github.com/ecmpd/ecmpd/api"
	"github.com/ecmpd/ecmpd/ospf/dissect"
	"github.com/ecmpd/ecmpd/ospf/packet"
)

// LSAs implements api.Backend.
func (d *daemon) LSAs(ctx context.Context, which api.LSAQuery) ([]api.LSADetail, error) {
	all, err := askOSPF(ctx, d, d.engine.LSAs)
	if err != nil {
		return nil, err
	}
	list := []api.LSADetail{}
	for _, l := range all {
		if !chosen(which, l.Header) {
			continue
		}
		raw := bytes.Clone(l.Raw)
		packet.SetAge(raw, l.Header.Age)
		fields, _ := dissect.LSA(raw) // what is in the database is well formed
		contents, err := json.Marshal(fields)
		if err != nil {
			return nil, err
		}
		detail := api.LSADetail{Area: l.Area.String(), Interface: l.Interface, Raw: hex.EncodeToString(raw), Contents: contents}
		if asScope(l.Header.Type) {
			detail.Area = ""
		}
		list = append(list, detail)
	}
	return list, nil
}

func asScope(t packet.LSType) bool { return t == packet.LSExternal || t == packet.LSOpaqueAS }

func chosen(q api.LSAQuery, h packet.LSAHeader) bool {
	is := func(want netip.Addr, have packet.ID) bool { return !want.IsValid() || want == have.Addr() }
	return (q.Type == "" || q.Type == h.Type.String()) && is(q.LinkStateID, h.ID) && is(q.AdvertisingRouter, h.Adv)
}

// Hostnames implements api.Backend.
func (d *daemon) Hostnames(ctx context.Context) ([]api.Hostname, error) {
	names, err := askOSPF(ctx, d, d.engine.Hostnames)
	if err != nil {
		return nil, err
	}
	list := []api.Hostname{}
	for _, id := range slices.Sorted(maps.Keys(names)) {
		list = append(list, api.Hostname{RouterID: id.String(), Hostname: names[id]})
	}
	return list, nil
}
