// Package worker runs the BGP sessions in a process of their own, which alone runs the BGP
// implementation, GoBGP: should a neighbour's message ever bring that down, it takes no route of OSPF with
// it. A successor of GoBGP has the files speaker*.go to replace.
//
// The daemon starts the process, its own executable, when there is a BGP configuration, and talks to it
// over a pair of connected sockets in encoding/gob: configuration, announcements and questions one
// way, what neighbours say the other. There is no other way in: the gRPC interface of GoBGP is not
// opened. What the process learns it does not interpret: policies, the choice of the best path and
// what is told to whom are the daemon's, in pure code; GoBGP keeps sessions, encodes and decodes, and
// remembers what was said to whom.
//
// Both ends watch each other. The daemon asks for a sign of life every second, and GoBGP's own loop
// has to answer; a process that is stopped, hangs or is dead is killed and started again, later and later
// while it keeps failing. The process ends when the daemon does not read for long or is gone.
//
// Files: worker.go (the daemon's end), message.go (what is said), process.go (the process), privilege.go
// (what it may do), speaker.go (GoBGP, and its neighbours), speaker_in.go (paths from GoBGP), speaker_out.go (paths to
// it), speaker_hidden.go (paths that GoBGP keeps to itself), speaker_export.go (which neighbour hears what), log.go.
package worker
