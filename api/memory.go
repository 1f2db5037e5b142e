package api

// Memory is the body of [PathMemory]: what the daemon's memory is used for, in bytes. Parts are
// estimated from the sizes of what they hold; the heap and the processes are measured.
type Memory struct {
	Parts     List[MemoryPart] `json:"parts"`
	Heap      Heap             `json:"heap"`
	Processes List[Process]    `json:"processes"`
}

// MemoryPart is one kind of thing that there are many of.
type MemoryPart struct {
	Name  string `json:"name"`  // lsas, graph, ospf-routes, rib, kernel-routes, neighbors
	Count int    `json:"count"` // 0 where nothing is counted
	Bytes int    `json:"bytes"`
	Each  int    `json:"each"` // bytes of one; 0 without a count
}

// Heap is the heap of the Go runtime.
type Heap struct {
	Live     uint64 `json:"live"`     // that the last collection found in use
	Resident uint64 `json:"resident"` // of the system's memory, with garbage and free spans
}

// Process is a process of the daemon.
type Process struct {
	PID          int    `json:"pid"`
	Name         string `json:"name"` // daemon, bfd
	Resident     int    `json:"resident"`
	Proportional int    `json:"proportional"` // a page that several processes share counts once
}
