package main

import "github.com/ecmpd/ecmpd/api"

// exampleGraph has two areas with a border router between them, a LAN, parallel links, a link of which one end
// says nothing, a router that only others name, and a name that wants to be more than that.
var exampleGraph = api.Graph{RouterID: "10.255.0.11", Areas: []api.GraphArea{
	{
		Area: "0.0.0.0",
		Routers: []api.GraphRouter{
			{RouterID: "10.255.0.1", Hostname: `hub-a";x`, AreaBorder: true, Boundary: true, Known: true},
			{RouterID: "10.255.0.11", Self: true, Known: true, Stubs: []api.GraphStub{{Prefix: "10.10.4.0/24", Cost: 10}}},
			{RouterID: "10.255.0.99"},
		},
		Networks: []api.GraphNetwork{{ID: "10.1.0.1", Prefix: "10.1.0.0/24", DR: "10.255.0.1"}, {ID: "10.2.0.1"}},
		Links: []api.GraphLink{
			{From: "10.255.0.1", To: "10.255.0.11", Type: "point-to-point", Cost: 10},
			{From: "10.255.0.1", To: "10.255.0.11", Type: "point-to-point", Cost: 20},
			{From: "10.255.0.1", To: "10.1.0.1", Type: "transit", Cost: 5},
			{From: "10.255.0.11", To: "10.255.0.1", Type: "point-to-point", Cost: 30},
			{From: "10.255.0.11", To: "10.255.0.1", Type: "point-to-point", Cost: 40},
			{From: "10.255.0.11", To: "10.255.0.99", Type: "point-to-point", Cost: 7, OneSided: true},
			{From: "10.255.0.11", To: "10.1.0.1", Type: "transit", Cost: 6},
			{From: "10.255.0.11", To: "10.2.0.1", Type: "transit", Cost: 8, OneSided: true},
			{From: "10.1.0.1", To: "10.255.0.1", Type: "network"},
			{From: "10.1.0.1", To: "10.255.0.11", Type: "network"},
			{From: "10.1.0.1", To: "10.255.0.99", Type: "network", OneSided: true},
		},
	},
	{
		Area:    "0.0.0.1",
		Routers: []api.GraphRouter{{RouterID: "10.255.0.1", Hostname: `hub-a";x`, AreaBorder: true, Known: true}, {RouterID: "10.255.0.2", Known: true}},
		Links: []api.GraphLink{
			{From: "10.255.0.1", To: "10.255.0.2", Type: "virtual", Cost: 3},
			{From: "10.255.0.2", To: "10.255.0.1", Type: "virtual", Cost: 4},
		},
	},
}}
