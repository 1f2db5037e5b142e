package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestEveryPathAnswers(t *testing.T) {
	socket, _ := serve(t, &fake{})
	c := NewClient(socket)
	for path, v := range map[string]any{
		PathNeighbors: &Neighbors{}, PathInterfaces: &Interfaces{}, PathDatabase: &Database{}, PathLSAs: &LSADetails{}, PathHostnames: &Hostnames{}, PathBorderRouters: &BorderRouters{},
		PathOSPFRoutes: &Routes{}, PathRoutes: &Routes{}, PathNextHops: &NextHops{},
		PathTransit: &TransitBody{}, PathWAN: &WANBody{}, PathSymmetry: &SymmetryBody{}, PathStatus: &Status{}, PathDoctor: &Doctor{},
	} {
		if err := c.Get(t.Context(), path, v); err != nil {
			t.Errorf("%s: %v", path, err)
		}
		body, err := c.Body(t.Context(), path)
		if err != nil {
			t.Fatal(err)
		}
		var compact bytes.Buffer
		if err := json.Compact(&compact, body); err != nil {
			t.Errorf("%s: %v", path, err)
		}
		if again, _ := json.Marshal(v); string(again) != strings.TrimSpace(compact.String()) {
			t.Errorf("%s: decoded and encoded again it is\n%s\nwant\n%s", path, again, compact.String())
		}
	}
}

// Orders need POST; the answer is the status, or why not.
func TestOrders(t *testing.T) {
	f := &fake{}
	socket, _ := serve(t, f)
	c := NewClient(socket)
	if _, err := c.Order(t.Context(), PathDrain); err != nil || !f.drained {
		t.Errorf("drain: %v, drained %t", err, f.drained)
	}
	if _, err := c.Order(t.Context(), PathUndrain); err != nil || f.drained {
		t.Errorf("undrain: %v, drained %t", err, f.drained)
	}
	if _, err := c.Order(t.Context(), PathWANDisable+"?name=isp-a"); err != nil || !f.disabled {
		t.Errorf("disable: %v, disabled %t", err, f.disabled)
	}
	if _, err := c.Order(t.Context(), PathWANEnable+"?name=isp-a"); err != nil || f.disabled {
		t.Errorf("enable: %v, disabled %t", err, f.disabled)
	}
	if _, err := c.Order(t.Context(), PathWANEnable+"?name=isp-x"); !errors.Is(err, ErrNotFound) {
		t.Errorf("an uplink that is not there: %v", err)
	}
	if _, err := c.Order(t.Context(), PathWANEnable); err == nil {
		t.Error("no uplink named")
	}
	if _, err := c.Order(t.Context(), PathStatus); !errors.Is(err, ErrNotFound) {
		t.Errorf("an order to a path that takes none: %v", err)
	}
	if _, err := c.Body(t.Context(), PathReload); !errors.Is(err, ErrNotFound) {
		t.Errorf("reload by GET: %v", err)
	}
	f.err = fmt.Errorf("%w: line 7", ErrRefused)
	if _, err := c.Order(t.Context(), PathReload); err == nil || !strings.Contains(err.Error(), "refused: line 7") {
		t.Errorf("refused reload: %v", err)
	}
}

func TestLSAs(t *testing.T) {
	socket, _ := serve(t, &fake{})
	var body LSADetails
	q := LSAQuery{Type: "nssa", LinkStateID: netip.MustParseAddr("10.0.0.0")}
	if err := NewClient(socket).Get(t.Context(), PathLSAs+"?"+q.Values().Encode(), &body); err != nil {
		t.Fatal(err)
	}
	if len(body.LSAs) != 1 || string(body.LSAs[0].Contents) != "{\n        \"type\": \"nssa\"\n      }" {
		t.Errorf("%+v", body)
	}
}

func TestSelect(t *testing.T) {
	socket, _ := serve(t, &fake{})
	for _, row := range []struct{ path, want string }{
		{PathNeighbors + "?routerId=10.255.0.2", "10.255.0.2"},
		{PathNeighbors + "?routerId=10.9.9.9", "routerId 10.9.9.9: not found"},
		{PathNeighbors + "?routerId=vpn1", "malformed query"},
		{PathInterfaces + "?interface=vpn1", "vpn1"},
		{PathInterfaces + "?interface=vpn9", "interface vpn9: not found"},
		{PathRoutes + "?prefix=10.10.4.0/24", "10.10.4.0/24 10.10.4.0/24"},
		{PathRoutes + "?prefix=10.10.4.7/24", "10.10.4.0/24 10.10.4.0/24"},
		{PathOSPFRoutes + "?prefix=10.10.4.200", "10.10.4.0/24 10.10.4.0/24"},
		{PathRoutes + "?prefix=10.10.5.1", "10.10.0.0/16"},
		{PathRoutes + "?prefix=10.10.4.0/25", "prefix 10.10.4.0/25: not found"},
		{PathRoutes + "?prefix=192.0.2.1", "prefix 192.0.2.1: not found"},
		{PathLSAs + "?linkStateId=192.0.2.1", "an LSA with linkStateId=192.0.2.1: not found"},
		{PathLSAs + "?type=road", "malformed query"},
		{PathLSAs + "?advertisingRouter=vpn1", "malformed query"},
		{PathRoutes + "?prefix=lan", "neither a prefix nor an address"},
		{PathNextHops + "?id=7", "7"},
		{PathBGPAnnouncements + "?peer=10.0.0.1", "198.51.100.0/24"},
		{PathBGPAnnouncements + "?peer=10.0.0.9", "not found"},
		{PathBGPAnnouncements + "?prefix=198.51.100.7/24", "198.51.100.0/24"},
		{PathBGPAnnouncements + "?prefix=203.0.113.0/24", "prefix 203.0.113.0/24: not found"},
		{PathBGPAnnouncements + "?peer=isp-a", "malformed query"},
		{PathNextHops + "?id=8", "id 8: not found"},
		{PathNextHops + "?id=-1", "not the number"},
	} {
		body, err := NewClient(socket).Body(t.Context(), row.path)
		got := subjects(body)
		if err != nil {
			got = err.Error()
		}
		if !strings.Contains(got, row.want) || err == nil && got != row.want {
			t.Errorf("%s: got %q, want %q", row.path, got, row.want)
		}
		if notFound := strings.Contains(row.want, "not found"); errors.Is(err, ErrNotFound) != notFound {
			t.Errorf("%s: %v", row.path, err)
		}
	}
}

// subjects lists what the entries of a body are about.
func subjects(body []byte) string {
	var all map[string][]struct {
		RouterID, Interface, Prefix, Network string
		ID                                   int
	}
	if json.Unmarshal(body, &all) != nil {
		return string(body)
	}
	var out []string
	for key, list := range all {
		for _, e := range list {
			out = append(out, map[string]string{
				"neighbors": e.RouterID, "interfaces": e.Interface, "routes": e.Prefix, "groups": fmt.Sprint(e.ID), "announcements": e.Network,
			}[key])
		}
	}
	return strings.Join(out, " ")
}

func TestErrorsOfTheDaemon(t *testing.T) {
	socket, _ := serve(t, &fake{err: errors.New("the loop is on fire")})
	for _, path := range []string{PathNeighbors, PathStatus, PathMetrics, PathTransit} {
		_, err := NewClient(socket).Body(t.Context(), path)
		if err == nil || err.Error() != "daemon: the loop is on fire" {
			t.Errorf("%s: %v", path, err)
		}
	}
}

func TestUnknownPathAndMethod(t *testing.T) {
	socket, _ := serve(t, &fake{})
	c := NewClient(socket)
	if _, err := c.Body(t.Context(), "/v1/bgp"); !errors.Is(err, ErrNotFound) {
		t.Errorf("unknown path: %v", err)
	}
	resp, err := c.http.Post("http://ecmpd"+PathStatus, "text/plain", strings.NewReader(strings.Repeat("x", 1<<20)))
	if err == nil {
		defer resp.Body.Close()
		if resp.StatusCode == http.StatusOK {
			t.Errorf("POST was answered with %s", resp.Status)
		}
	}
}

func TestUnreachable(t *testing.T) {
	dir := t.TempDir()
	dead := filepath.Join(dir, "dead")
	l := listen(t, dead)
	l.(*net.UnixListener).SetUnlinkOnClose(false)
	l.Close()
	for _, socket := range []string{filepath.Join(dir, "missing"), dead} {
		_, err := NewClient(socket).Body(t.Context(), PathStatus)
		if !errors.Is(err, ErrUnreachable) || !strings.Contains(err.Error(), socket) || strings.Contains(err.Error(), "http://") {
			t.Errorf("%v", err)
		}
	}
}

// A daemon whose loop hangs is not reachable for the one who asks, and does
// not keep the server from ending.
func TestHangingDaemon(t *testing.T) {
	f := &fake{hang: make(chan struct{}, 8)}
	socket, stop := serve(t, f)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := NewClient(socket).Body(ctx, PathRoutes); !errors.Is(err, ErrUnreachable) {
		t.Errorf("asked a hanging daemon: %v", err)
	}
	<-f.hang
	answered := make(chan error, 1)
	go func() {
		_, err := NewClient(socket).Body(context.Background(), PathRoutes)
		answered <- err
	}()
	<-f.hang
	start := time.Now()
	if err := stop(); err != nil {
		t.Error(err)
	}
	if took := time.Since(start); took > shutdownTimeout+30*time.Second {
		t.Errorf("the server took %v to end", took)
	}
	if err := <-answered; err == nil {
		t.Error("a question without an answer succeeded")
	}
	if _, err := os.Stat(socket); err == nil {
		t.Error("the socket is still there")
	}
}

// Somebody who asks and never reads costs nobody else anything.
func TestSlowReader(t *testing.T) {
	f := &fake{routes: make([]Route, 5000)} // far more than a socket buffers
	socket, stop := serve(t, f)
	for range 4 {
		slow, err := net.Dial("unix", socket)
		if err != nil {
			t.Fatal(err)
		}
		defer slow.Close()
		fmt.Fprintf(slow, "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", PathRoutes)
		if _, err := io.ReadFull(slow, make([]byte, 16)); err != nil {
			t.Fatal(err)
		}
	}
	start := time.Now()
	var s Status
	if err := NewClient(socket).Get(t.Context(), PathStatus, &s); err != nil {
		t.Error(err)
	}
	if err := stop(); err != nil {
		t.Error(err)
	}
	if took := time.Since(start); took > shutdownTimeout+30*time.Second {
		t.Errorf("answer and end took %v beside slow readers", took)
	}
}

// More questions than slots are refused at once instead of piling up.
func TestBusy(t *testing.T) {
	f := &fake{hang: make(chan struct{}, maxRequests)}
	socket, _ := serve(t, f)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	for range maxRequests {
		go NewClient(socket).Body(ctx, PathRoutes)
	}
	for range maxRequests {
		<-f.hang
	}
	_, err := NewClient(socket).Body(t.Context(), PathStatus)
	if err == nil || !strings.Contains(err.Error(), "try again") {
		t.Errorf("got %v", err)
	}
}

func BenchmarkRoutes(b *testing.B) {
	routes := make([]Route, 10000)
	for i := range routes {
		routes[i] = Route{Prefix: "10.10.4.0/24", Protocol: "ospf", NextHops: []Hop{hop, hop}}
	}
	for b.Loop() {
		if _, err := json.MarshalIndent(Routes{routes}, "", "  "); err != nil {
			b.Fatal(err)
		}
	}
}

// What is asked arrives, and what makes no sense is refused.
func TestExplainQuery(t *testing.T) {
	socket, _ := serve(t, &fake{})
	c := NewClient(socket)
	q := ExplainQuery{
		Source: netip.MustParseAddr("10.10.1.2"), Destination: netip.MustParseAddr("10.10.4.2"),
		Protocol: 17, SourcePort: 40000, DestinationPort: 443, In: "vpn1", Sample: 1000,
	}
	var e Explain
	if err := c.Get(t.Context(), PathExplain+"?"+q.Values().Encode(), &e); err != nil {
		t.Fatal(err)
	}
	f := e.Forward
	if f.Source != "10.10.1.2" || f.Destination != "10.10.4.2" || f.Protocol != "udp" || f.SourcePort != 40000 || f.DestinationPort != 443 || f.In != "vpn1" || e.Sample.Flows != 1000 {
		t.Errorf("%+v", e)
	}
	const ends = "source=10.10.1.2&destination=10.10.4.2"
	for query, want := range map[string]string{
		"source=10.10.1.2":                      "destination=",
		"source=fe80::1&destination=10.10.4.2":  "an IPv4 address",
		ends:                                    "protocol",
		ends + "&protocol=tcpp":                 "no IP protocol",
		ends + "&protocol=tcp&sourcePort=70000": "a number up to 65535",
		ends + "&protocol=tcp&sample=1000000":   "a number up to 10000",
		ends + "&protocol=256":                  "no IP protocol",
	} {
		if err := c.Get(t.Context(), PathExplain+"?"+query, &e); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", query, err, want)
		}
	}
}

// Clients that connect and say nothing take every place, and lose it.
func TestManySilentClients(t *testing.T) {
	t.Parallel()
	socket, stop := serve(t, &fake{})
	defer func() { _ = stop() }()
	for range maxConnections + 10 {
		c, err := net.Dial("unix", socket)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
	}
	ctx, cancel := context.WithTimeout(t.Context(), 4*readTimeout)
	defer cancel()
	if _, err := NewClient(socket).Body(ctx, PathStatus); err != nil {
		t.Errorf("asked beside silent clients: %v", err)
	}
}
