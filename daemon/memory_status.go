package daemon

import (
	"context"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/ecmpd/ecmpd/api"
	"github.com/ecmpd/ecmpd/ospf"
)

// Memory implements api.Backend.
func (d *daemon) Memory(ctx context.Context) (api.Memory, error) {
	engine, err := askOSPF(ctx, d, func(time.Time) ospf.Memory { return d.engine.Memory() })
	if err != nil {
		return api.Memory{}, err
	}
	out, err := askLoop(ctx, d.routes.inbox, func() api.Memory {
		kernel, routes := d.routes.fib.Memory()
		return api.Memory{Parts: []api.MemoryPart{
			memoryPart("lsas", engine.LSAs, engine.LSABytes),
			memoryPart("graph", 0, engine.GraphBytes),
			memoryPart("ospf-routes", engine.Routes, engine.RouteBytes),
			memoryPart("rib", d.routes.rib.Len(), d.routes.rib.Memory()),
			memoryPart("kernel-routes", routes, kernel),
			memoryPart("neighbors", engine.Neighbors, engine.NeighborBytes),
		}}
	})
	if err != nil {
		return api.Memory{}, err
	}
	heap := readHeap()
	out.Heap = api.Heap{Live: heap.live, Resident: heap.resident}
	own, err := processMemory(os.Getpid())
	if err != nil {
		return api.Memory{}, err
	}
	own.Name = "daemon"
	out.Processes = append(out.Processes, own)
	for _, pid := range children() {
		if p, err := processMemory(pid); err == nil { // else it has ended
			if p.Name = "bfd"; pid == d.bgp.worker.PID() {
				p.Name = "bgp"
			}
			out.Processes = append(out.Processes, p)
		}
	}
	return out, nil
}

func memoryPart(name string, count, bytes int) api.MemoryPart {
	p := api.MemoryPart{Name: name, Count: count, Bytes: bytes}
	if count > 0 {
		p.Each = bytes / count
	}
	return p
}

// children lists the processes that a thread of this one has started.
func children() (pids []int) {
	tasks, _ := os.ReadDir("/proc/self/task")
	for _, t := range tasks {
		list, _ := os.ReadFile("/proc/self/task/" + t.Name() + "/children")
		for _, f := range strings.Fields(string(list)) {
			if pid, err := strconv.Atoi(f); err == nil {
				pids = append(pids, pid)
			}
		}
	}
	return pids
}

// processMemory reads what proc(5) says of a process.
func processMemory(pid int) (api.Process, error) {
	p := api.Process{PID: pid}
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil {
		return p, fmt.Errorf("memory of process %d: %w", pid, err)
	}
	for line := range strings.Lines(string(text)) {
		name, value, _ := strings.Cut(line, ":")
		kilobytes, _ := strconv.Atoi(strings.TrimSuffix(strings.TrimSpace(value), " kB"))
		switch name {
		case "Rss":
			p.Resident = kilobytes << 10
		case "Pss":
			p.Proportional = kilobytes << 10
		}
	}
	return p, nil
}
