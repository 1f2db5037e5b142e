package main

import (
	"errors"
	"time"
)

// benchCase measures one make that b names.
type benchCase struct {
	name, about string
	slow        bool // only when it is asked for
	run         func(b *bench) error
}

// errMissing is what a make cannot do at all.
var errMissing = errors.New("this make does not have it")

const (
	loadTime = 60 * time.Second // for a database to become kernel routes
	quiet    = time.Second      // without a kernel event, after which a change counts as done
)

var allCases = []benchCase{
	{name: "stub", about: "a new stub network at the far corner of a grid of 5,041 and 10,000 routers; memory", run: (*bench).stub},
	{name: "watershed", about: "half of all routes of these grids change their next hop", run: (*bench).watershed},
	{name: "externals", about: "100,000 type-5 LSAs from the first hello to the last kernel route; CPU, memory", run: (*bench).externals},
	{name: "death", about: "one of two hubs dies silently, without BFD", run: (*bench).death},
	{name: "bfd", about: "the same with BFD 50 ms × 3, 1,000 and 100,000 prefixes", run: (*bench).bfd},
	{name: "carrier", about: "one of two links loses carrier, 100,000 prefixes, 10,000 probes a second", run: (*bench).carrier},
	{name: "tunnels", about: "10, 100 and 1,000 tunnels on one hub: all Full, idle CPU, memory", run: (*bench).tunnels},
	{name: "flaps", about: "1,000 changes in ten seconds in a grid of 5,041 routers", run: (*bench).flaps},
	{name: "soak", about: "10,000 routers, SPF every second, show … -o json in a loop, BFD 50 ms × 3: what is lost in ten minutes (-soak)", slow: true, run: (*bench).soak},
	{name: "growth", about: "twice the LSAs, twice the routers: how much more time", run: (*bench).growth},
}

// caseOrder is the place of each case in the report.
func caseOrder() map[string]int {
	order := map[string]int{}
	for i, c := range allCases {
		order[c.name] = i
	}
	return order
}
