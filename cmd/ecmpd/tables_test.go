package main

import (
	"bufio"
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ecmpd/ecmpd/api"
)

// example is a branch router with two hubs, one of which has an MTU of its own.
var example = state{
	neighbors: []api.Neighbor{
		{RouterID: "10.255.0.1", Address: "10.0.0.1", Interface: "vpn1", Area: "0.0.0.0", State: "Full", Role: "-", Priority: 1, UpTimeMsec: 3723000, DeadTimeMsec: 3512},
		{RouterID: "10.255.0.2", Address: "10.0.0.5", Interface: "vpn2", Area: "0.0.0.0", State: "ExStart", Role: "-", Priority: 1, UpTimeMsec: 61000, DeadTimeMsec: 98,
			Why: "MTU 1500 in its database description, 1420 here", RetransmitCount: 1, RequestCount: 2, SummaryCount: 3},
		{RouterID: "10.255.0.3", Address: "10.1.0.3", Interface: "lan", Area: "0.0.0.1", State: "2-Way", Role: "DROther", DR: "10.1.0.9", BDR: "0.0.0.0", UpTimeMsec: 183_780_000, DeadTimeMsec: 40000, Why: "neither is DR or BDR"},
	},
	interfaces: []api.Interface{
		{Interface: "lan", Area: "0.0.0.1", Type: "broadcast", State: "DR Other", Address: "10.1.0.1/24", Cost: 10, MTU: 1500, Priority: 1, DR: "10.1.0.9", BDR: "10.1.0.8", HelloMsec: 10000, DeadMsec: 40000, NeighborCount: 3, AdjacentCount: 2, Authentication: "hmac-sha-256, key 2 of backbone"},
		{Interface: "lo", Area: "0.0.0.0", Type: "loopback", State: "Passive", Address: "10.255.0.11/32", MTU: 65536, DR: "0.0.0.0", BDR: "0.0.0.0", Passive: true},
		{Interface: "vpn1", Area: "0.0.0.0", Type: "point-to-point", State: "Down", Cost: 10, MTU: 1420, DR: "0.0.0.0", BDR: "0.0.0.0", HelloMsec: 1000, DeadMsec: 4000, Why: "the link has no carrier", Rejected: api.Counts{"timer-mismatch": 7, "area-mismatch": 2}},
	},
	database: api.Database{
		RouterID: "10.255.0.11",
		Areas: []api.AreaLSAs{
			{Area: "0.0.0.0", Fingerprint: "5f2c01aa", LSAs: []api.LSA{
				{Type: "router", LinkStateID: "10.255.0.1", AdvertisingRouter: "10.255.0.1", Age: 12, SequenceNumber: "0x80000004", Checksum: "0xbeef", Length: 72},
				{Type: "asbr-summary", LinkStateID: "10.255.0.11", AdvertisingRouter: "10.255.0.1", Age: 1799, DoNotAge: true, SequenceNumber: "0x80000001", Checksum: "0x0001", Length: 28},
			}},
			{Area: "0.0.0.1", Fingerprint: "00000000"},
		},
		External: []api.LSA{{Type: "as-external", LinkStateID: "0.0.0.0", AdvertisingRouter: "10.255.0.2", Age: 3600, SequenceNumber: "0x80000002", Checksum: "0x1234", Length: 36}},
		Link:     []api.LinkLSAs{{Interface: "vpn1", LSAs: []api.LSA{{Type: "opaque-link", LinkStateID: "3.0.0.0", AdvertisingRouter: "10.255.0.1", SequenceNumber: "0x80000001", Checksum: "0x00ff", Length: 44}}}},
		Limits: api.DatabaseLimits{Overflow: true, Externals: 100, MaxExternals: 100, Databases: []api.DatabaseLimit{
			{Scope: "area 0.0.0.0", LSAs: 2, MaxLSAs: 250_000}, {Scope: "AS", LSAs: 100, MaxLSAs: 250_000, Refused: 17, Incomplete: true},
		}},
	},
	routes: []api.Route{
		{Prefix: "0.0.0.0/0", Protocol: "ospf", Type: "external-2", Cost: 10, Type2Cost: 100, Tag: 7, Distance: 110, Selected: true, Installed: true, NextHops: []api.Hop{hubA}},
		{Prefix: "10.0.0.0/30", Protocol: "connected", Selected: true, Installed: true, NextHops: []api.Hop{{Interface: "vpn1", RouterID: "0.0.0.0", Weight: 1, Installed: true}}},
		{Prefix: "10.10.4.0/24", Protocol: "ospf", Type: "intra-area", Area: "0.0.0.0", Cost: 20, Distance: 110, Selected: true, Installed: true, NextHops: []api.Hop{hubA, hubB}},
		{Prefix: "10.10.4.0/24", Protocol: "static", Distance: 200, NextHops: []api.Hop{{Via: "10.1.0.9", Interface: "lan", RouterID: "0.0.0.0", Weight: 3}}},
		{Prefix: "10.20.0.0/16", Protocol: "ospf", Type: "inter-area", Area: "0.0.0.0", Cost: 30, Distance: 110, Selected: true, Reason: "the kernel holds a route of protocol bird", NextHops: []api.Hop{{Via: "10.0.0.1", Interface: "vpn1", RouterID: "10.255.0.1", Weight: 1}}},
		{Prefix: "10.30.0.0/16", Protocol: "ospf", Type: "external-1", Cost: 31, Distance: 110, Selected: true, NextHops: []api.Hop{{Via: "10.0.0.1", Interface: "vpn1", RouterID: "10.255.0.1", Weight: 1}}},
		{Prefix: "198.51.100.0/24", Protocol: "bgp", Type: "ebgp", Distance: 20, Reason: "no route to 192.0.2.9", Gateways: []api.Gateway{{Via: "192.0.2.9", Weight: 1}}},
		{Prefix: "198.51.101.0/24", Protocol: "bgp", Type: "ibgp", Distance: 200, Selected: true, Installed: true, NextHops: []api.Hop{hubA, hubB}, Gateways: []api.Gateway{{Via: "192.0.2.1", Weight: 2}, {Via: "192.0.2.2", Weight: 1}}},
		{Prefix: "203.0.113.0/24", Protocol: "static", Distance: 1, Selected: true, Installed: true},
	},
	groups: []api.Group{
		{ID: 7, Routes: 12, Members: []api.Member{{ID: 3, Hop: hubA, Share: 100}, {Hop: hubB}}},
		{ID: 9, Routes: 1, Counted: true, Members: []api.Member{{ID: 3, Hop: hubA, Share: 50, Packets: 1234, Measured: 51}, {ID: 4, Hop: hubA, Share: 50, Packets: 1200, Measured: 49}}},
		{ID: 8},
	},
	wan: api.WAN{
		Balance: "per-connection", Healthy: true, InSync: true, Uplinks: []api.Uplink{
			{
				Name: "isp-a", State: "up", Used: true, Reason: "well", SinceMsec: 3_723_000, Interface: "wlan1", Gateway: "10.111.0.1", Source: "10.111.0.2", NAT: "masquerade",
				Tier: 1, Weight: 1, SharePercent: 17, MeasuredPercent: 16, NewConnections: 1003, Pinned: 40, Mark: "0x1000000", Table: 20101,
				Targets: []api.UplinkTarget{{Target: "gateway", RTTUsec: 1234}, {Target: "icmp 192.0.2.1", LossPercent: 4, RTTUsec: 20_500, Why: "no answer"}},
			},
			{Name: "isp-b", State: "up", Used: true, Reason: "well", SinceMsec: 61_000, Interface: "wlan2", Gateway: "10.112.0.1", Source: "10.112.0.2", NAT: "198.51.100.7", Tier: 1, Weight: 5, SharePercent: 83, MeasuredPercent: 84, NewConnections: 5100, Pinned: 230, Endpoints: true, Mark: "0x2000000", Table: 20102},
			{Name: "lte", State: "down", Reason: "no such interface", SinceMsec: 5000, NAT: "none", Tier: 2, Weight: 1, Mark: "0x3000000", Table: 20103},
		},
		Rules: []api.WANRule{
			{Destination: []string{"198.51.100.53/32"}, Uplink: "isp-a", Action: "uplink", Connections: 12},
			{Number: 1, Source: []string{"192.168.0.0/25"}, Protocol: "udp", Ports: []string{"5060", "6000-6100"}, Uplink: "lte", Action: "drop"},
		},
	},
	transit: api.Transit{
		Mode: "notrack", Prefixes: []string{"10.0.0.0/29", "10.10.0.0/16"}, Interfaces: []string{"vpn1", "vpn2"}, Tracked: []string{"192.168.77.0/24"},
		Holes:        []api.Hole{{Prefix: "10.10.9.0/24", Reason: "connected on lan"}},
		MayTranslate: []api.Blocker{{Family: "ip", Table: "nat", Chain: "POSTROUTING", Rule: "… nat (handle 9)"}},
		Policy: []api.PolicyRule{
			{Number: 1, From: []string{"10.10.0.0/16"}, To: []string{"10.20.0.0/24"}, Protocol: "tcp", Ports: []string{"22", "8000-8080"}, Action: "accept", Packets: 1234},
			{Action: "drop", Packets: 5},
		},
		Warnings:  []api.Warning{{Prefix: "192.168.77.0/24", Reason: "router 10.255.0.11 reaches it past this router; let one hub carry it"}},
		BlockedBy: []api.Blocker{{Family: "inet", Table: "filter", Chain: "forward", Rule: "ct state invalid drop", Certain: true}, {Family: "ip", Table: "mangle", Chain: "PRE", Rule: "policy"}},
	},
	bgp: api.BGP{AS: 65000, RouterID: "10.255.0.11", PID: 4714, Restarts: 1, Stale: 12, StaleMsec: 90_000, Neighbors: []api.BGPNeighbor{
		{Peer: "10.9.0.1", AS: 65001, RouterID: "10.9.0.1", Local: "10.9.0.2", Description: "upstream a", State: "Established", SinceMsec: 3_600_000,
			Received: 100_000, Accepted: 99_990, Advertised: 2, MessagesIn: 10_100, MessagesOut: 130},
		{Peer: "10.9.1.1", AS: 4200000001, State: "Active", Reason: "sent notification: code 4(hold timer expired)", FlapCount: 3, SinceMsec: 61_000},
		{Peer: "10.9.2.7", AS: 65000, State: "Idle", Internal: true, Dynamic: "10.9.2.0/24"},
	}},
	paths: []api.BGPPath{
		{Network: "203.0.113.0/24", NextHop: "10.9.0.1", ASPath: "65001 65009", AgeMsec: 3_600_000, Attributes: "[{Origin: i} {Med: 10}]", Peer: "10.9.0.1", Best: true, Used: true},
		{Network: "203.0.113.0/24", NextHop: "10.9.1.1", ASPath: "65002 65009", AgeMsec: 60_000, Attributes: "[{Origin: i}]", Peer: "10.9.1.1", Used: true, Stale: true},
		{Network: "203.0.113.0/24", NextHop: "10.9.3.1", ASPath: "65003 65004 65009", AgeMsec: 60_000, Attributes: "[{Origin: ?}]", Peer: "10.9.3.1", Reason: "longer AS path: 3, the best has 2"},
		{Network: "203.0.113.0/24", NextHop: "10.9.4.1", ASPath: "65004", AgeMsec: 60_000, Attributes: "[{Origin: i}]", Peer: "10.9.4.1", Rejected: true, Reason: "there is no import policy"},
	},
	announcements: []api.BGPAnnouncement{
		{Network: "198.51.100.0/24", Peer: "10.9.0.1", Announced: true, Rule: "announce rule 1 (ecmpd.yaml:41)", ASPath: "65000", Attributes: "[{Origin: i}]"},
		{Network: "198.51.100.0/24", Peer: "10.9.1.1", Announced: true, Rule: "announce rule 2 (ecmpd.yaml:42)", ASPath: "65000 65000 65000", Attributes: "[{Origin: i} {Communities: no-export}]"},
		{Network: "198.51.100.0/25", Peer: "10.9.1.1", Rule: "withdrawn by announce rule 3 (ecmpd.yaml:43)"},
		{Network: "203.0.113.0/24", Peer: "10.9.2.0/24", Announced: true, Rule: "learnt from 10.9.0.1", NextHop: "10.9.0.1", ASPath: "65001 65009", Attributes: "[{Origin: i} {LocalPref: 90}]"},
	},
	bfd: []api.BFDSession{
		{Peer: "10.0.0.1", Local: "10.0.0.2", Interface: "vpn1", State: "Up", RemoteState: "Up", LocalDiscriminator: 2681417036, RemoteDiscriminator: 7, SourcePort: 49235,
			Diagnostic: "control detection time expired", RemoteDiagnostic: "no diagnostic", StateTimeMsec: 3723000, TxIntervalUsec: 50000, RxIntervalUsec: 62500, DetectionTimeUsec: 187500,
			Multiplier: 3, RemoteMultiplier: 3, PacketsSent: 1000, PacketsReceived: 999, PacketsDropped: 1, UpCount: 2, FailureCount: 1},
		{Peer: "10.0.0.5", Local: "10.0.0.6", Interface: "vpn2", State: "Down", RemoteState: "Down", LocalDiscriminator: 99, SourcePort: 49236,
			Diagnostic: "no diagnostic", RemoteDiagnostic: "no diagnostic", StateTimeMsec: 61000, TxIntervalUsec: 1000000, Multiplier: 3, PacketsSent: 70, Why: "no packet from the neighbor yet"},
	},
	doctor: api.Doctor{Wrong: 1, Findings: []api.Finding{
		{Number: 1, Check: "rp-filter", Severity: "wrong", What: "rp_filter is strict on vpn1", Why: "the kernel drops what comes in another way than the answer would go", Repair: "sysctl -w net/ipv4/conf/vpn1/rp_filter=2"},
		{Number: 2, Check: "kernel", Severity: "note", What: "Linux 6.1.0 may send packets of one flow to different next hops", Why: "commit 02b24941619f", Repair: "Linux 6.6 has the repair"},
	}},
	explain: api.Explain{
		Forward: api.Direction{
			Source: "10.10.1.2", Destination: "10.10.4.2", Protocol: "tcp", SourcePort: 40000, DestinationPort: 443, In: "lan",
			Tracked: true, TrackedCertain: true, TrackedBy: "no rule takes it out of connection tracking",
			Rule: "32766: from all lookup main", Table: "main", Route: "10.10.4.0/24", Group: 3372220419,
			Members: []api.Hop{hubA, hubB}, Via: "10.0.0.1", Interface: "vpn1", RouterID: "10.255.0.1",
			Uplink: api.ExplainUplink{Name: "isp-a", Why: "rule 1", Mark: "0x1000000", NAT: "masquerade"},
		},
		Reverse: api.Direction{
			Source: "10.10.4.2", Destination: "10.10.1.2", Protocol: "tcp", SourcePort: 443, DestinationPort: 40000, In: "vpn1",
			TrackedBy: "inet ecmpd prerouting: … (handle 9)", Rule: "32766: from all lookup main", Table: "main", Route: "10.10.1.0/24",
			Members: []api.Hop{{Interface: "lan", RouterID: "0.0.0.0", Weight: 1, Installed: true}}, Interface: "lan", RouterID: "0.0.0.0",
			DroppedBy: []api.Blocker{{Family: "inet", Table: "filter", Chain: "forward", Rule: "policy", Certain: true}},
		},
		SameHub: "not proven", SameHubWhy: "10.255.0.4 chooses among 10.255.0.1 and 10.255.0.2 by its own hash",
		Hash: api.Hash{Policy: 3, Fields: "source, destination, protocol, source port, destination port"},
		Sample: api.Sample{Flows: 1000, Members: []api.Share{
			{Via: "10.0.0.1", Interface: "vpn1", RouterID: "10.255.0.1", Weight: 1, Flows: 493, Configured: "50.0", Measured: "49.3"},
			{Via: "10.0.0.5", Interface: "vpn2", RouterID: "10.255.0.2", Weight: 1, Flows: 507, Configured: "50.0", Measured: "50.7"},
		}},
	},
	symmetry: api.Symmetry{Hash: "l4", Shared: true, Strays: true, Pairs: []api.SymmetryPair{
		{Area: "0.0.0.0", A: "10.255.0.11", B: "10.255.0.12", Symmetric: "yes", Through: []string{"10.255.0.1", "10.255.0.2"}},
		{Area: "0.0.0.0", A: "10.255.0.11", B: "10.255.0.13", Symmetric: "no", Through: []string{"10.255.0.1", "10.255.0.2"},
			Why: []string{"other seed: 10.255.0.11 and 10.255.0.13 have different symmetric-key"}},
		{Area: "0.0.0.0", A: "10.255.0.12", B: "10.255.0.14", Symmetric: "unproven", Through: []string{"10.255.0.1", "10.255.0.2"},
			Why: []string{"10.255.0.14 does not say how it hashes: a foreign router, or one that floods no opaque LSAs"}},
	}},
	events: []api.Event{
		{Time: "2026-01-02T03:04:05.678Z", Kind: "neighbor", Interface: "vpn1", RouterID: "10.255.0.1", Address: "10.0.0.1", From: "Full", To: "Down", Reason: "InactivityTimer: no hello for 4s"},
		{Time: "2026-01-02T03:04:01.000Z", Kind: "rejected", Interface: "vpn2", Address: "10.0.0.9", Reason: "area-mismatch: its area is 0.0.0.1"},
		{Time: "2026-01-02T03:03:00.000Z", Kind: "interface", Interface: "vpn1", From: "Down", To: "Point-To-Point", Reason: "link up"},
	},
	spf: api.SPF{
		Delay: api.SPFDelay{State: "SHORT_WAIT", Pending: true, Trigger: "router 10.255.0.1 adv 10.255.0.1", RunMsec: 120, HoldDownMsec: 9800, LearnMsec: 300},
		Runs: []api.SPFRun{
			{Time: "2026-01-02T03:04:05.678Z", Kind: "partial", Trigger: "leaves changed", Changed: 812, Runs: 7, DurationUsec: 1830},
			{Time: "2026-01-02T03:03:05.678Z", Kind: "full", Trigger: "network 10.0.0.1 adv 10.255.0.1", Areas: 2, Vertices: 40, Changed: 3, Runs: 1, DurationUsec: 420},
		},
	},
	graph: exampleGraph,
	plan: api.Plan{Differences: []api.Difference{
		{Line: 4, Column: 3, Key: "ospf.redistribute", Impact: "lsa"},
		{Line: 9, Column: 23, Area: "0.0.0.0", Interfaces: []string{"vpn1", "vpn2", "vpn3", "vpn4", "vpn5"}, Key: "cost", Running: "10", File: "50", Impact: "lsa"},
		{Line: 10, Column: 9, Area: "0.0.0.0", Interfaces: []string{"vpn9"}, Impact: "adjacency", Neighbors: []string{"10.255.0.1", "10.255.0.2"}, Detail: "it leaves area 0.0.0.1"},
		{Line: 12, Column: 7, Area: "0.0.0.1", Key: "ranges", Impact: "none"},
		{Line: 20, Column: 11, Key: "kernel.protocol", Running: "201", File: "202", Impact: "restart"},
	}},
	status: api.Status{
		Version: "v0.1.0", RouterID: "10.255.0.11", PID: 4711, StartedAt: "2026-01-02T03:04:05Z", UpTimeMsec: 90000, Converged: true,
		Config: api.ConfigStatus{Path: defaultConfig, LoadedAt: "2026-01-02T03:04:05Z", Error: "line 7: unknown key"},
		OSPF:   api.OSPFStatus{SPFRuns: 3, Rejected: api.Counts{"checksum": 1}},
		Kernel: api.KernelStatus{InSync: true},
	},
}

var (
	hubA = api.Hop{Via: "10.0.0.1", Interface: "vpn1", RouterID: "10.255.0.1", Weight: 1, Installed: true}
	hubB = api.Hop{Via: "10.0.0.5", Interface: "vpn2", RouterID: "10.255.0.2", Weight: 1}
)

func TestTables(t *testing.T) {
	neighbors := api.Neighbors{Neighbors: example.neighbors}
	interfaces := api.Interfaces{Interfaces: example.interfaces}
	routes := api.Routes{Routes: example.routes}
	bfd := api.BFD{BFD: api.BFDSessions{Sessions: example.bfd, Rejected: api.Counts{"ttl": 4, "unknown-session": 2}}}
	watched := api.Neighbors{Neighbors: slices.Clone(example.neighbors)}
	watched.Neighbors[0].BFD, watched.Neighbors[1].BFD = "Up", "Down"
	transit := api.TransitBody{Transit: example.transit}
	for name, draw := range map[string]func(screen){
		"neighbor":          func(s screen) { drawNeighbors(s, neighbors, false) },
		"neighbor-wide":     func(s screen) { drawNeighbors(s, neighbors, true) },
		"neighbor-none":     func(s screen) { drawNeighbors(s, api.Neighbors{}, false) },
		"neighbor-narrow":   func(s screen) { s.width = 100; drawNeighbors(s, neighbors, false) },
		"neighbor-colour":   func(s screen) { s.color = true; drawNeighbors(s, neighbors, false) },
		"neighbor-bfd":      func(s screen) { drawNeighbors(s, watched, false) },
		"bfd":               func(s screen) { drawBFD(s, bfd, false) },
		"bgp-neighbor":      func(s screen) { drawBGPNeighbors(s, api.BGPBody{BGP: example.bgp}, false) },
		"bgp-neighbor-wide": func(s screen) { drawBGPNeighbors(s, api.BGPBody{BGP: example.bgp}, true) },
		"bgp-none":          func(s screen) { drawBGPNeighbors(s, api.BGPBody{}, false) },
		"bgp-rib":           func(s screen) { drawBGPPaths(s, api.BGPPaths{Paths: example.paths}, false) },
		"bgp-announcements": func(s screen) {
			drawBGPAnnouncements(s, api.BGPAnnouncements{Announcements: example.announcements}, false)
		},
		"bfd-wide":       func(s screen) { drawBFD(s, bfd, true) },
		"bfd-none":       func(s screen) { drawBFD(s, api.BFD{}, false) },
		"interface":      func(s screen) { drawInterfaces(s, interfaces, false) },
		"interface-wide": func(s screen) { drawInterfaces(s, interfaces, true) },
		"database":       func(s screen) { drawDatabase(s, example.database, false) },
		"border-routers": func(s screen) {
			drawBorderRouters(s, api.BorderRouters{BorderRouters: []api.BorderRouter{
				{RouterID: "10.255.0.1", AreaBorder: true, Boundary: true, Type: "intra-area", Area: "0.0.0.1", Cost: 10, NextHops: []api.Hop{hubA, hubB}},
				{RouterID: "10.255.0.9", Boundary: true, Type: "inter-area", Area: "0.0.0.0", Cost: 30, NextHops: []api.Hop{hubA}},
			}}, false)
		},
		"border-routers-none": func(s screen) { drawBorderRouters(s, api.BorderRouters{}, false) },
		"ospf-route":          func(s screen) { drawOSPFRoutes(s, routes, false) },
		"ospf-route-wide":     func(s screen) { drawOSPFRoutes(s, routes, true) },
		"route":               func(s screen) { drawRoutes(s, routes, false) },
		"route-wide":          func(s screen) { drawRoutes(s, routes, true) },
		"route-none":          func(s screen) { drawRoutes(s, api.Routes{}, false) },
		"nexthop":             func(s screen) { drawGroups(s, api.NextHops{Groups: example.groups}, false) },
		"transit":             func(s screen) { drawTransit(s, transit, false) },
		"transit-narrow":      func(s screen) { s.width = 40; drawTransit(s, transit, false) },
		"wan":                 func(s screen) { drawWAN(s, api.WANBody{WAN: example.wan}, false) },
		"wan-wide":            func(s screen) { drawWAN(s, api.WANBody{WAN: example.wan}, true) },
		"wan-none":            func(s screen) { drawWAN(s, api.WANBody{}, false) },
		"wan-rules":           func(s screen) { drawWANRules(s, api.WANBody{WAN: example.wan}, false) },
		"memory":              func(s screen) { drawMemory(s, exampleMemory, false) },
		"status":              func(s screen) { drawStatus(s, example.status, false) },
		"doctor":              func(s screen) { drawDoctor(s, example.doctor) },
		"doctor-clean":        func(s screen) { drawDoctor(s, api.Doctor{}) },
		"explain":             func(s screen) { drawExplain(s, example.explain) },
		"symmetry":            func(s screen) { drawSymmetry(s, api.SymmetryBody{Symmetry: example.symmetry}, false) },
		"events":              func(s screen) { drawEvents(s, api.Events{Events: example.events}, false) },
		"events-none":         func(s screen) { drawEvents(s, api.Events{}, false) },
		"spf":                 func(s screen) { drawSPF(s, example.spf, false) },
		"spf-none":            func(s screen) { drawSPF(s, api.SPF{Delay: api.SPFDelay{State: "QUIET"}}, false) },
		"graph-dot":           func(s screen) { s.out.WriteString(layOut(exampleGraph, false).dot()) },
		"graph-mermaid":       func(s screen) { s.out.WriteString(layOut(exampleGraph, true).mermaid()) },
		"check-running":       func(s screen) { drawPlan(s, "hub.yaml", example.plan) },
		"check-same":          func(s screen) { drawPlan(s, "hub.yaml", api.Plan{}) },
		"symmetry-none": func(s screen) {
			drawSymmetry(s, api.SymmetryBody{Symmetry: api.Symmetry{Hash: "l3", Shared: true, Guessable: true, Truncated: true}}, false)
		},
	} {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			s := screen{out: bufio.NewWriter(&out)}
			draw(s)
			if err := s.flush(); err != nil {
				t.Fatal(err)
			}
			for line := range strings.Lines(out.String()) {
				if strings.HasSuffix(line, " \n") {
					t.Errorf("blanks at the end of %q", line)
				}
			}
			golden(t, filepath.Join("testdata", name+".golden"), out.String())
		})
	}
}

// golden compares got with a file, or rewrites the file with -update.
func golden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs (go test -update rewrites it); got\n%s\nwant\n%s", file, got, want)
	}
}

// Nothing but a terminal gets colours or wrapping.
func TestScreenOfPipe(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	if s := newScreen(w); s.width != 0 || s.color {
		t.Errorf("a pipe has width %d, colour %v", s.width, s.color)
	}
}

var exampleMemory = api.Memory{
	Parts: []api.MemoryPart{
		{Name: "lsas", Count: 100_003, Bytes: 16_900_507, Each: 169}, {Name: "graph", Bytes: 900},
		{Name: "neighbors", Count: 1, Bytes: 960, Each: 960},
	},
	Heap:      api.Heap{Live: 47_000_000, Resident: 58_000_000},
	Processes: []api.Process{{PID: 4711, Name: "daemon", Resident: 76_000_000, Proportional: 74_000_000}, {PID: 4713, Name: "bfd", Resident: 9_000_000, Proportional: 3_100_000}},
}
