package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"strconv"
)

var errQuery = errors.New("malformed query")

// selected takes a list from the daemon and, when the request has the query
// key, keeps what fits its value; nothing that fits is [ErrNotFound].
func selected[T any](
	r *http.Request, key string,
	list func(context.Context) ([]T, error),
	match func(all []T, value string) ([]T, error),
) ([]T, error) {
	all, err := list(r.Context())
	query := r.URL.Query()
	if err != nil || !query.Has(key) {
		return all, err
	}
	value := query.Get(key)
	fit, err := match(all, value)
	if err != nil {
		return nil, fmt.Errorf("%w: %s=%s: %w", errQuery, key, value, err)
	}
	if len(fit) == 0 {
		return nil, fmt.Errorf("%s %s: %w", key, value, ErrNotFound)
	}
	return fit, nil
}

// keep returns the elements that fit.
func keep[T any](all []T, fits func(T) bool) []T {
	var out []T
	for _, v := range all {
		if fits(v) {
			out = append(out, v)
		}
	}
	return out
}

func matchNeighbors(all []Neighbor, id string) ([]Neighbor, error) {
	if _, err := netip.ParseAddr(id); err != nil {
		return nil, err
	}
	return keep(all, func(n Neighbor) bool { return n.RouterID == id }), nil
}

func matchBorderRouters(all []BorderRouter, id string) ([]BorderRouter, error) {
	if _, err := netip.ParseAddr(id); err != nil {
		return nil, err
	}
	return keep(all, func(r BorderRouter) bool { return r.RouterID == id }), nil
}

func matchInterfaces(all []Interface, name string) ([]Interface, error) {
	return keep(all, func(i Interface) bool { return i.Interface == name }), nil
}

func matchBFD(all []BFDSession, peer string) ([]BFDSession, error) {
	if _, err := netip.ParseAddr(peer); err != nil {
		return nil, err
	}
	return keep(all, func(s BFDSession) bool { return s.Peer == peer }), nil
}

func matchGroups(all []Group, id string) ([]Group, error) {
	n, err := strconv.ParseUint(id, 10, 32)
	if err != nil {
		return nil, errors.New("not the number of a nexthop group")
	}
	return keep(all, func(g Group) bool { return g.ID == uint32(n) }), nil
}

// matchRoutes takes a prefix, which must be equal, or an address, which takes
// the routes of the longest prefix around it.
func matchRoutes(all []Route, where string) ([]Route, error) {
	if addr, err := netip.ParseAddr(where); err == nil {
		return keep(all, isPrefix(longest(all, addr))), nil
	}
	prefix, err := netip.ParsePrefix(where)
	if err != nil {
		return nil, errors.New("neither a prefix nor an address")
	}
	return keep(all, isPrefix(prefix.Masked())), nil
}

func isPrefix(want netip.Prefix) func(Route) bool {
	text := want.String()
	return func(r Route) bool { return r.Prefix == text }
}

// longest returns the most specific prefix of all that holds addr; the zero
// Prefix, which equals no route, when there is none.
func longest(all []Route, addr netip.Addr) netip.Prefix {
	var best netip.Prefix
	for _, r := range all {
		p, err := netip.ParsePrefix(r.Prefix)
		if err == nil && p.Contains(addr) && p.Bits() > best.Bits() {
			best = p
		}
	}
	return best
}

// symmetryOf asks for the pairs of one router when the request names it: all
// would be many to make and then to throw away.
func symmetryOf(r *http.Request, b Backend) (Symmetry, error) {
	id, err := routerOf(r)
	if err != nil {
		return Symmetry{}, err
	}
	s, err := b.Symmetry(r.Context(), id)
	if err == nil && len(s.Pairs) == 0 && id.IsValid() {
		err = fmt.Errorf("routerId %s: %w", id, ErrNotFound)
	}
	return s, err
}

// eventsOf answers [PathEvents].
func eventsOf(r *http.Request, b Backend) ([]Event, error) {
	id, err := routerOf(r)
	if err != nil {
		return nil, err
	}
	list, err := b.Events(r.Context(), id)
	if err == nil && len(list) == 0 && id.IsValid() {
		err = fmt.Errorf("routerId %s: %w", id, ErrNotFound)
	}
	return list, err
}

// routerOf reads the query routerId; without it the zero Addr.
func routerOf(r *http.Request) (netip.Addr, error) {
	const key = "routerId"
	query := r.URL.Query()
	if !query.Has(key) {
		return netip.Addr{}, nil
	}
	id, err := netip.ParseAddr(query.Get(key))
	if err != nil || !id.Is4() {
		return netip.Addr{}, fmt.Errorf("%w: %s=%s: not a router id", errQuery, key, query.Get(key))
	}
	return id, nil
}
