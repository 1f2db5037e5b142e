// Package worker runs the BFD sessions in a process of their own, so that sending and
// detecting never wait for the rest of the daemon: not for a route calculation, not for
// an answer in JSON, not for the garbage collector.
//
// The daemon starts the process, its own executable, with the first session and talks
// to it over a pair of connected sockets: requests one way, events and answers
// the other, as encoding/gob writes them. The process has real-time priority where that is
// permitted, collects no garbage, and ends when the daemon does, however that ends: a
// daemon that is killed says nothing to its neighbours, and they find out.
//
// Files: worker.go (the daemon's end), process.go (the process), priority.go.
package worker
