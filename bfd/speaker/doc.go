// Package speaker is the shell round the BFD sessions: sockets, the clock, and a
// thread of its own.
//
// Files: speaker.go (the loop), orders.go (the way in for other goroutines),
// socket.go (the two sockets), receive.go and send.go (batches of datagrams),
// sleeper.go (waiting).
//
// One UDP socket on port 3784 receives for all sessions, with the interface, the
// TTL and the kernel's time of arrival. One raw socket sends for all sessions,
// because each of them has a source port of its own (RFC 5881 4) and a batch of
// datagrams wants one system call.
//
// # Time
//
// The loop owns its thread and allocates nothing while sessions are up. That is not
// enough beside work that keeps all processors busy: a thread that wakes up needs a slot
// of the Go scheduler, whose locks are held by threads that wait for a processor
// themselves. Measured with three goroutines that encode JSON, the loop came up to
// 0.4 s late, with real-time priority and spare slots. Hence package bfd/worker gives it
// a process of its own.
//
// Being late does no harm to what is detected: a turn reads everything that has
// arrived before it looks at the end of any detection time, and that runs from when
// the kernel got the packet, not from when it was read.
//
// Packets are left to gather for up to 2 ms, within the jitter that they have
// anyway. So 500 sessions cost some hundred wake-ups a second, not twenty thousand.
package speaker
