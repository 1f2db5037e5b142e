package main

import (
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/ecmpd/ecmpd/api"
)

func newShowMemory(a *asking) *cobra.Command {
	v := view[api.Memory]{path: api.PathMemory, draw: drawMemory}
	return v.command(a, &cobra.Command{
		Use:   "memory",
		Short: "Show what the daemon's memory is used for",
	})
}

func drawMemory(s screen, body api.Memory, _ bool) {
	rows := make([][]string, 0, len(body.Parts))
	for _, p := range body.Parts {
		count, each := "-", "-"
		if p.Count > 0 {
			count, each = strconv.Itoa(p.Count), strconv.Itoa(p.Each)+" B"
		}
		rows = append(rows, []string{memoryNames[p.Name], count, size(uint64(p.Bytes)), each})
	}
	s.table([]string{"What", "Count", "Memory", "Each"}, rows)
	s.line("")
	rows = [][]string{
		{"Heap in use", size(body.Heap.Live)},
		{"Heap resident", size(body.Heap.Resident)},
	}
	for _, p := range body.Processes {
		rows = append(rows, []string{fmt.Sprintf("Process %d (%s)", p.PID, p.Name), fmt.Sprintf("%s resident, %s without what is shared", size(uint64(p.Resident)), size(uint64(p.Proportional)))})
	}
	s.table(nil, rows)
}

// memoryNames are the parts for people.
var memoryNames = map[string]string{
	"lsas": "LSAs", "graph": "SPF graph", "ospf-routes": "OSPF routes", "rib": "RIB", "kernel-routes": "Kernel routes", "neighbors": "Neighbours",
}

// size is a number of bytes for people.
func size(n uint64) string {
	switch {
	case n >= 10_000_000:
		return fmt.Sprintf("%.0f MB", float64(n)/1e6)
	case n >= 1_000_000:
		return fmt.Sprintf("%.1f MB", float64(n)/1e6)
	case n >= 1000:
		return fmt.Sprintf("%.0f kB", float64(n)/1e3)
	}
	return fmt.Sprintf("%d B", n)
}
