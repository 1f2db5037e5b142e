package api

import (
	"context"
	"net"
	"net/netip"
	"path/filepath"
	"testing"
)

// fake is a daemon that knows one of everything. A non-nil hang makes every
// question about routes wait for ctx, as a stuck loop would.
type fake struct {
	hang   chan struct{} // receives once per question that hangs
	err    error
	routes []Route

	drained, disabled bool
}

var hop = Hop{Via: "10.0.0.1", Interface: "vpn1", RouterID: "10.255.0.1", Weight: 1, Installed: true}

func (f *fake) Neighbors(context.Context) ([]Neighbor, error) {
	return []Neighbor{
		{RouterID: "10.255.0.1", Address: "10.0.0.1", Interface: "vpn1", Area: "0.0.0.0", State: "Full", Role: "-", Priority: 1, UpTimeMsec: 60000, DeadTimeMsec: 3500},
		{RouterID: "10.255.0.2", Address: "10.0.0.5", Interface: "vpn2", Area: "0.0.0.0", State: "ExStart", Role: "-", Why: "MTU 1500 here, 1420 there", DeadTimeMsec: 3500, SummaryCount: 2},
		{RouterID: "0.0.0.0", Address: "10.0.0.9", Interface: "vpn2", Area: "0.0.0.0", State: "Down", Role: "-", Why: "no hello from it"},
	}, f.err
}

func (f *fake) Interfaces(context.Context) ([]Interface, error) {
	return []Interface{
		{Interface: "lan", Area: "0.0.0.0", Type: "broadcast", State: "Down", Cost: 10, Passive: true, Why: "no carrier"},
		{Interface: "vpn1", Area: "0.0.0.0", Type: "point-to-point", State: "Point-to-point", Cost: 10, Rejected: Counts{"area-mismatch": 2}},
	}, f.err
}

func (f *fake) Database(context.Context) (Database, error) {
	lsa := LSA{Type: "router", LinkStateID: "10.255.0.1", AdvertisingRouter: "10.255.0.1", SequenceNumber: "0x80000001", Checksum: "0x1234", Length: 48}
	ext := lsa
	ext.Type = "as-external"
	return Database{RouterID: "10.255.0.11", Areas: []AreaLSAs{{Area: "0.0.0.0", LSAs: []LSA{lsa, lsa}}}, External: []LSA{ext},
		Limits: DatabaseLimits{Overflow: true, Externals: 1, MaxExternals: 1, Databases: []DatabaseLimit{{Scope: "AS", LSAs: 1, MaxLSAs: 9, Refused: 5, Incomplete: true}}}}, f.err
}

func (f *fake) Hostnames(context.Context) ([]Hostname, error) {
	return []Hostname{{"10.255.0.1", "hub-a"}}, f.err
}

func (f *fake) LSAs(_ context.Context, q LSAQuery) ([]LSADetail, error) {
	if q.LinkStateID == netip.MustParseAddr("192.0.2.1") {
		return nil, f.err
	}
	return []LSADetail{{Area: "0.0.0.0", Raw: "0001", Contents: []byte(`{"type":"` + q.Type + `"}`)}}, f.err
}

func (f *fake) Plan(_ context.Context, name string, text []byte) ([]Difference, error) {
	return []Difference{{Line: 3, Column: 5, Key: name, File: string(text), Impact: "none"}}, f.err
}

func (f *fake) Events(_ context.Context, about netip.Addr) ([]Event, error) {
	if about == netip.MustParseAddr("192.0.2.1") {
		return nil, f.err
	}
	return []Event{{Time: "2026-01-02T03:04:05.678Z", Kind: "neighbor", RouterID: "10.255.0.1", From: "Full", To: "Down", Reason: "KillNbr"}}, f.err
}

func (f *fake) SPF(context.Context) (SPF, error) {
	return SPF{Delay: SPFDelay{State: "QUIET"}, Runs: []SPFRun{{Kind: "full", Runs: 1}}}, f.err
}

func (f *fake) Graph(context.Context) (Graph, error) {
	return Graph{RouterID: "10.255.0.11", Areas: []GraphArea{{Area: "0.0.0.0"}}}, f.err
}

func (f *fake) WAN(context.Context) (WAN, error) {
	return WAN{Balance: "per-connection", Healthy: true, InSync: true, Uplinks: []Uplink{{
		Name: "isp-a", State: "up", Used: true, Pinned: 7, NewConnections: 99,
		Targets: []UplinkTarget{{Target: "gateway", LossPercent: 4, RTTUsec: 1500}},
	}}}, f.err
}

func (f *fake) BGP(context.Context) (BGP, error) {
	return BGP{AS: 65000, RouterID: "10.255.0.1", PID: 7, Restarts: 2, Stale: 3, Announced: 4, Neighbors: []BGPNeighbor{
		{Peer: "10.0.0.1", AS: 65001, State: "Established", Received: 9, Accepted: 8, Advertised: 4, FlapCount: 1},
		{Peer: "10.0.0.5", AS: 65002, State: "Active", Reason: "hold timer expired"},
	}}, f.err
}

func (f *fake) BGPPaths(_ context.Context, where netip.Prefix) ([]BGPPath, error) {
	if where.IsValid() && where != netip.MustParsePrefix("203.0.113.0/24") && where != netip.MustParsePrefix("203.0.113.9/32") {
		return nil, f.err
	}
	return []BGPPath{{Network: "203.0.113.0/24", NextHop: "10.0.0.1", Peer: "10.0.0.1", Best: true, Used: true}}, f.err
}

func (f *fake) BGPAnnouncements(_ context.Context, peer netip.Addr, prefix netip.Prefix) ([]BGPAnnouncement, error) {
	if peer.IsValid() && peer != netip.MustParseAddr("10.0.0.1") {
		return nil, ErrNotFound
	}
	if prefix.IsValid() && prefix != netip.MustParsePrefix("198.51.100.0/24") {
		return nil, f.err
	}
	return []BGPAnnouncement{{Network: "198.51.100.0/24", Peer: "10.0.0.1", Announced: true, Rule: "networks"}}, f.err
}

func (f *fake) DisableUplink(_ context.Context, name string, disabled bool) error {
	if name != "isp-a" {
		return ErrNotFound
	}
	f.disabled = disabled
	return f.err
}

func (f *fake) Reload(context.Context) error { return f.err }

func (f *fake) Drain(_ context.Context, on bool) error {
	f.drained = on
	return f.err
}

func (f *fake) BorderRouters(context.Context) ([]BorderRouter, error) {
	return []BorderRouter{{RouterID: "10.255.0.1", AreaBorder: true, Type: "intra-area", Area: "0.0.0.0", Cost: 10, NextHops: []Hop{hop}}}, f.err
}

func (f *fake) OSPFRoutes(ctx context.Context) ([]Route, error) { return f.Routes(ctx) }

func (f *fake) Routes(ctx context.Context) ([]Route, error) {
	if f.hang != nil {
		f.hang <- struct{}{}
		<-ctx.Done()
		return nil, ctx.Err()
	}
	if f.routes != nil {
		return f.routes, f.err
	}
	second := hop
	second.Interface, second.Installed = "vpn2", false
	return []Route{
		{Prefix: "10.0.0.0/8", Protocol: "static", Distance: 1, Selected: true, Reason: "no next hop is reachable"},
		{Prefix: "10.10.0.0/16", Protocol: "connected", Selected: true, Installed: true, NextHops: []Hop{{Interface: "lan", Installed: true}}},
		{Prefix: "10.10.4.0/24", Protocol: "ospf", Type: "intra-area", Cost: 20, Distance: 110, Selected: true, Installed: true, NextHops: []Hop{hop, second}},
		{Prefix: "10.10.4.0/24", Protocol: "static", Distance: 200},
	}, f.err
}

func (f *fake) Groups(context.Context) ([]Group, error) {
	return []Group{{ID: 7, Members: []Member{{ID: 3, Hop: hop}}, Routes: 2}}, f.err
}

func (f *fake) Transit(context.Context) (Transit, error) {
	return Transit{Mode: "notrack", Prefixes: []string{"10.10.0.0/16"}, InSync: true}, f.err
}

func (f *fake) BFD(context.Context) (BFDSessions, error) {
	return BFDSessions{Rejected: Counts{"ttl": 4}, Sessions: []BFDSession{
		{Peer: "10.0.0.1", Interface: "vpn1", State: "Up", DetectionTimeUsec: 150000, FailureCount: 2, PacketsReceived: 8, PacketsSent: 9},
		{Peer: "10.0.0.5", Interface: "vpn2", State: "Down", Why: "no packet from the neighbor yet"},
	}}, f.err
}

func (f *fake) Symmetry(_ context.Context, about netip.Addr) (Symmetry, error) {
	s := Symmetry{Hash: "l4", Shared: true, Pairs: []SymmetryPair{{A: "10.255.0.11", B: "10.255.0.12", Symmetric: "no", Through: []string{"10.255.0.1"}, Why: []string{"other seed"}}}}
	if about.IsValid() && about.String() != s.Pairs[0].A {
		s.Pairs = nil
	}
	return s, f.err
}

func (f *fake) Memory(context.Context) (Memory, error) {
	return Memory{
		Parts: []MemoryPart{{"lsas", 100003, 16900507, 169}, {"graph", 0, 900, 0}, {"neighbors", 1, 9600000, 960}}, Heap: Heap{47000000, 58000000},
		Processes: []Process{{4711, "daemon", 76000000, 74000000}},
	}, nil
}

func (f *fake) Status(context.Context) (Status, error) {
	return Status{
		Version: "v1", StartedAt: "2026-01-02T03:04:05.5Z", Converged: true,
		OSPF:   OSPFStatus{Packets: []PacketCount{{"hello", "in", 9}}, Rejected: Counts{"checksum": 3}, Retransmits: 4, NeighborChanges: 6, SPFRuns: 5},
		Kernel: KernelStatus{InSync: true, Operations: []OperationCount{{"route-add", "ok", 8}}, Resyncs: 1},
	}, f.err
}

// serve runs a server of b on a socket of its own until the test ends.
func serve(t *testing.T, b Backend) (socket string, stop func() error) {
	t.Helper()
	socket = filepath.Join(t.TempDir(), "s")
	l := listen(t, socket)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- Serve(ctx, l, b) }()
	var stopped bool
	stop = func() error {
		if stopped {
			return nil
		}
		stopped = true
		cancel()
		return <-ended
	}
	t.Cleanup(func() { stop() })
	return socket, stop
}

func listen(t *testing.T, socket string) net.Listener {
	t.Helper()
	l, err := Listen(socket)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// twins has two neighbours with one router id on one link.
type twins struct{ *fake }

func (twins) Neighbors(context.Context) ([]Neighbor, error) {
	n := Neighbor{RouterID: "10.255.0.1", Interface: "lan", Area: "0.0.0.0", State: "Full"}
	return []Neighbor{n, n}, nil
}

func (f *fake) Route(ctx context.Context, p netip.Prefix) ([]Route, error) {
	all, err := f.Routes(ctx)
	return keep(all, isPrefix(p)), err
}

// Explain answers with what was asked.
func (f *fake) Explain(_ context.Context, q ExplainQuery) (Explain, error) {
	return Explain{Forward: Direction{
		Source: q.Source.String(), Destination: q.Destination.String(), Protocol: ProtocolName(q.Protocol), In: q.In,
		SourcePort: int(q.SourcePort), DestinationPort: int(q.DestinationPort),
	}, Sample: Sample{Flows: q.Sample}}, f.err
}

func (f *fake) Doctor(context.Context) (Doctor, error) {
	return Doctor{Findings: []Finding{{Number: 1, Check: "forwarding", Severity: "wrong"}}, Wrong: 1}, f.err
}
