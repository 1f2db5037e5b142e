package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"time"

	"golang.org/x/net/netutil"
)

// Paths of the API; all but the orders answer GET. [PathNeighbors] and [PathBorderRouters] take the query
// routerId, [PathInterfaces] interface, [PathBFD] and [PathBGPNeighbors] peer, [PathBGPAnnouncements] peer and prefix, [PathBGPRIB], [PathRoutes] and
// [PathOSPFRoutes] prefix (an address chooses the longest match), [PathNextHops] id,
// [PathSymmetry] and [PathEvents] routerId, [PathLSAs] type, linkStateId and advertisingRouter: the answer then holds what fits, or is a 404.
// [PathExplain] takes [ExplainQuery.Values].
const (
	PathNeighbors        = "/v1/ospf/neighbors"
	PathInterfaces       = "/v1/ospf/interfaces"
	PathDatabase         = "/v1/ospf/database"
	PathLSAs             = "/v1/ospf/lsas"
	PathOSPFRoutes       = "/v1/ospf/routes"
	PathBorderRouters    = "/v1/ospf/border-routers"
	PathHostnames        = "/v1/ospf/hostnames"
	PathEvents           = "/v1/ospf/events"
	PathSPF              = "/v1/ospf/spf"
	PathGraph            = "/v1/ospf/graph"
	PathRoutes           = "/v1/routes"
	PathNextHops         = "/v1/nexthops"
	PathTransit          = "/v1/transit"
	PathBFD              = "/v1/bfd"
	PathSymmetry         = "/v1/symmetry"
	PathWAN              = "/v1/wan"
	PathBGPNeighbors     = "/v1/bgp/neighbors"
	PathBGPRIB           = "/v1/bgp/rib"
	PathBGPAnnouncements = "/v1/bgp/announcements"
	PathStatus           = "/v1/status"
	PathMemory           = "/v1/memory"
	PathExplain          = "/v1/explain"
	PathDoctor           = "/v1/doctor"
	PathMetrics          = "/metrics"

	// PathPlan takes a configuration file by POST, with its path in the query name, and answers with a [Plan].
	PathPlan = "/v1/plan"

	// Orders, by POST; the answer is the [Status] after it.
	PathReload  = "/v1/reload"
	PathDrain   = "/v1/ospf/drain"
	PathUndrain = "/v1/ospf/undrain"

	// Orders about one uplink, which the query name chooses.
	PathWANDisable = "/v1/wan/disable"
	PathWANEnable  = "/v1/wan/enable"
)

// Backend is what the daemon offers. Calls come from many goroutines at once.
// Each returns a copy that nobody changes any more, and gives up when ctx ends.
type Backend interface {
	Neighbors(ctx context.Context) ([]Neighbor, error)
	Interfaces(ctx context.Context) ([]Interface, error)
	Database(ctx context.Context) (Database, error)
	// LSAs returns the LSAs that fit, with their contents.
	LSAs(ctx context.Context, which LSAQuery) ([]LSADetail, error)
	OSPFRoutes(ctx context.Context) ([]Route, error)
	Hostnames(ctx context.Context) ([]Hostname, error)
	BorderRouters(ctx context.Context) ([]BorderRouter, error)
	// Events returns what happened to one neighbour, or what happened at all for the zero Addr.
	Events(ctx context.Context, about netip.Addr) ([]Event, error)
	SPF(ctx context.Context) (SPF, error)
	Graph(ctx context.Context) (Graph, error)
	Routes(ctx context.Context) ([]Route, error)
	// Route returns what Routes has for exactly this prefix, at little cost: it
	// is asked again and again by those who wait for a route.
	Route(ctx context.Context, prefix netip.Prefix) ([]Route, error)
	Groups(ctx context.Context) ([]Group, error)
	Transit(ctx context.Context) (Transit, error)
	BFD(ctx context.Context) (BFDSessions, error)
	WAN(ctx context.Context) (WAN, error)
	BGP(ctx context.Context) (BGP, error)
	// BGPPaths returns the paths of a prefix, of the longest prefix around an address (/32), or all for the zero Prefix.
	BGPPaths(ctx context.Context, where netip.Prefix) ([]BGPPath, error)
	// BGPAnnouncements returns what is decided about a prefix, or for the zero Prefix about all that are announced or
	// configured to be; and about one neighbour, or for the zero Addr about all. [ErrNotFound]: there is no such neighbour.
	BGPAnnouncements(ctx context.Context, peer netip.Addr, prefix netip.Prefix) ([]BGPAnnouncement, error)
	// DisableUplink takes an uplink out of use, or back; [ErrNotFound] when there is none of that name.
	DisableUplink(ctx context.Context, name string, disabled bool) error
	// Symmetry returns the pairs of one router, or all for the zero Addr.
	Symmetry(ctx context.Context, about netip.Addr) (Symmetry, error)
	Status(ctx context.Context) (Status, error)
	Memory(ctx context.Context) (Memory, error)
	// Explain returns [ErrNotFound] when no route leads to the destination.
	Explain(ctx context.Context, q ExplainQuery) (Explain, error)
	Doctor(ctx context.Context) (Doctor, error)
	// Plan compares the text of a configuration file with what runs; a wrong one is an error that
	// wraps [ErrRefused].
	Plan(ctx context.Context, name string, text []byte) ([]Difference, error)
	// Reload reads the configuration file again; after an error, which wraps
	// [ErrRefused], the running configuration stays.
	Reload(ctx context.Context) error
	// Drain keeps transit traffic away from the router, or no longer (RFC 6987).
	Drain(ctx context.Context, on bool) error
}

// Limits of the server.
const (
	backendTimeout  = 15 * time.Second // for the daemon to answer, which may share a busy machine
	readTimeout     = 5 * time.Second  // for a request to arrive
	writeTimeout    = 30 * time.Second // for the reader to take the answer
	idleTimeout     = time.Minute      // between two requests of one connection
	shutdownTimeout = time.Second      // for answers under way when the server ends
	maxHeaderBytes  = 16 << 10
	maxBodyBytes    = 1 << 20 // a configuration file is the longest body
	maxRequests     = 64      // at the same time; each may hold one encoded answer
	maxConnections  = 256     // at the same time; more wait until one ends or has been idle
)

// Serve answers requests on l until ctx ends, then lets answers under way
// finish for at most a second and closes l. It returns nil after a clean end.
func Serve(ctx context.Context, l net.Listener, b Backend) error {
	l = netutil.LimitListener(l, maxConnections)
	srv := &http.Server{
		Handler:           newHandler(b),
		BaseContext:       func(net.Listener) context.Context { return ctx },
		ReadHeaderTimeout: readTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
	}
	failed := make(chan error, 1)
	go func() { failed <- srv.Serve(l) }()
	select {
	case err := <-failed:
		return fmt.Errorf("API on %s ended: %w", l.Addr(), err)
	case <-ctx.Done():
	}
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), shutdownTimeout)
	defer cancel()
	if srv.Shutdown(grace) != nil {
		// Somebody reads too slowly to wait for.
		srv.Close()
	}
	<-failed
	return nil
}

// limited bounds what one request may take and how many there are.
func limited(next http.Handler) http.Handler {
	slots := make(chan struct{}, maxRequests)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case slots <- struct{}{}:
			defer func() { <-slots }()
		default:
			reply(w, nil, errBusy)
			return
		}
		ctx, cancel := context.WithTimeout(r.Context(), backendTimeout)
		defer cancel()
		r.Body = http.MaxBytesReader(w, r.Body, maxBodyBytes)
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

var errBusy = fmt.Errorf("%d requests are being answered already: try again", maxRequests)

// problem is the body of every answer that is not a 200.
type problem struct {
	Error string `json:"error"`
}

// reply encodes v, or err in its place, and only then starts to write.
func reply(w http.ResponseWriter, v any, err error) {
	code := http.StatusOK
	if errors.Is(err, context.DeadlineExceeded) {
		err = fmt.Errorf("no answer within %s, a part of the daemon is busy or stuck: %w", backendTimeout, err)
	}
	if err != nil {
		code, v = statusCode(err), problem{err.Error()}
	}
	body, encErr := json.MarshalIndent(v, "", "  ")
	if encErr != nil {
		code, body = http.StatusInternalServerError, []byte(`{"error": "the answer cannot be encoded"}`)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	// A reader that is gone needs no answer.
	_, _ = w.Write(append(body, '\n'))
}

func statusCode(err error) int {
	switch {
	case errors.Is(err, ErrNotFound):
		return http.StatusNotFound
	case errors.Is(err, ErrRefused):
		return http.StatusUnprocessableEntity
	case errors.Is(err, errQuery):
		return http.StatusBadRequest
	case errors.Is(err, errBusy), errors.Is(err, context.Canceled):
		return http.StatusServiceUnavailable
	case errors.Is(err, context.DeadlineExceeded):
		return http.StatusGatewayTimeout
	}
	return http.StatusInternalServerError
}
