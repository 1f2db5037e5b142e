package api

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/netip"
)

// router gives each path to what answers it.
type router struct {
	*http.ServeMux
	b Backend
}

// newHandler routes requests to b.
func newHandler(b Backend) http.Handler {
	m := router{http.NewServeMux(), b}
	m.ospf()
	m.forwarding()
	m.uplinks()
	m.bgp()
	m.judgements()
	m.orders()
	m.Handle("GET "+PathMetrics, metricsHandler(b))
	m.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		reply(w, nil, fmt.Errorf("no %s %s here: %w", r.Method, r.URL.Path, ErrNotFound))
	})
	return limited(m)
}

func (m router) get(path string, answer func(*http.Request) (any, error)) {
	m.HandleFunc("GET "+path, func(w http.ResponseWriter, r *http.Request) {
		v, err := answer(r)
		reply(w, v, err)
	})
}

// order answers with the status after what was done.
func (m router) order(path string, do func(*http.Request) error) {
	m.HandleFunc("POST "+path, func(w http.ResponseWriter, r *http.Request) {
		var s Status
		err := do(r)
		if err == nil {
			s, err = m.b.Status(r.Context())
		}
		reply(w, s, err)
	})
}

// ospf are the paths of the protocol.
func (m router) ospf() {
	b := m.b
	m.get(PathNeighbors, func(r *http.Request) (any, error) {
		l, err := selected(r, "routerId", b.Neighbors, matchNeighbors)
		return Neighbors{l}, err
	})
	m.get(PathInterfaces, func(r *http.Request) (any, error) {
		l, err := selected(r, "interface", b.Interfaces, matchInterfaces)
		return Interfaces{l}, err
	})
	m.get(PathDatabase, func(r *http.Request) (any, error) { return b.Database(r.Context()) })
	m.get(PathHostnames, func(r *http.Request) (any, error) {
		l, err := b.Hostnames(r.Context())
		return Hostnames{l}, err
	})
	m.get(PathLSAs, func(r *http.Request) (any, error) {
		l, err := lsaDetails(r, b)
		return LSADetails{l}, err
	})
	m.get(PathEvents, func(r *http.Request) (any, error) {
		l, err := eventsOf(r, b)
		return Events{l}, err
	})
	m.get(PathSPF, func(r *http.Request) (any, error) { return b.SPF(r.Context()) })
	m.get(PathGraph, func(r *http.Request) (any, error) { return b.Graph(r.Context()) })
	m.get(PathOSPFRoutes, func(r *http.Request) (any, error) {
		l, err := selected(r, "prefix", b.OSPFRoutes, matchRoutes)
		return Routes{l}, err
	})
	m.get(PathBorderRouters, func(r *http.Request) (any, error) {
		l, err := selected(r, "routerId", b.BorderRouters, matchBorderRouters)
		return BorderRouters{l}, err
	})
}

// forwarding are routes, what becomes of them in the kernel, and who watches their hops.
func (m router) forwarding() {
	b := m.b
	m.get(PathRoutes, func(r *http.Request) (any, error) {
		if p, err := netip.ParsePrefix(r.URL.Query().Get("prefix")); err == nil {
			l, err := b.Route(r.Context(), p.Masked())
			if err == nil && len(l) == 0 {
				err = fmt.Errorf("prefix %s: %w", p, ErrNotFound)
			}
			return Routes{l}, err
		}
		l, err := selected(r, "prefix", b.Routes, matchRoutes)
		return Routes{l}, err
	})
	m.get(PathNextHops, func(r *http.Request) (any, error) {
		l, err := selected(r, "id", b.Groups, matchGroups)
		return NextHops{l}, err
	})
	m.get(PathTransit, func(r *http.Request) (any, error) {
		t, err := b.Transit(r.Context())
		return TransitBody{t}, err
	})
	m.get(PathBFD, func(r *http.Request) (any, error) {
		all, err := b.BFD(r.Context())
		if err != nil {
			return nil, err
		}
		list := func(context.Context) ([]BFDSession, error) { return all.Sessions, nil }
		all.Sessions, err = selected(r, "peer", list, matchBFD)
		return BFD{all}, err
	})
}

// judgements are about the router as a whole.
func (m router) judgements() {
	b := m.b
	m.get(PathStatus, func(r *http.Request) (any, error) { return b.Status(r.Context()) })
	m.get(PathMemory, func(r *http.Request) (any, error) { return b.Memory(r.Context()) })
	m.get(PathSymmetry, func(r *http.Request) (any, error) {
		s, err := symmetryOf(r, b)
		return SymmetryBody{s}, err
	})
	m.get(PathExplain, func(r *http.Request) (any, error) {
		q, err := parseExplain(r.URL.Query())
		if err != nil {
			return nil, err
		}
		return b.Explain(r.Context(), q)
	})
	m.get(PathDoctor, func(r *http.Request) (any, error) { return b.Doctor(r.Context()) })
}

func (m router) orders() {
	m.HandleFunc("POST "+PathPlan, func(w http.ResponseWriter, r *http.Request) {
		var p Plan
		text, err := io.ReadAll(r.Body)
		if err != nil {
			err = fmt.Errorf("%w: %w", errQuery, err)
		} else {
			p.Differences, err = m.b.Plan(r.Context(), r.URL.Query().Get("name"), text)
		}
		reply(w, p, err)
	})
	m.order(PathReload, func(r *http.Request) error { return m.b.Reload(r.Context()) })
	m.order(PathDrain, func(r *http.Request) error { return m.b.Drain(r.Context(), true) })
	m.order(PathUndrain, func(r *http.Request) error { return m.b.Drain(r.Context(), false) })
}
