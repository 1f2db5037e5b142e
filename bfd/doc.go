// Package bfd is Bidirectional Forwarding Detection over one hop (RFC 5880,
// RFC 5881) as a value machine: sessions are asked for with [Machine.Set],
// datagrams come in through [Machine.Receive], time through [Machine.Tick], and
// what is to be sent and what has happened is taken with [Machine.Take].
// [Machine.Deadline] says when the next Tick is due. The machine holds no
// goroutine, socket, lock or clock, the same inputs give the same outputs, and
// neither a datagram nor a tick allocates.
//
// Files: packet.go (wire format), auth.go (6.7), state.go (6.2, the state
// machine), session.go (6.8.1 to 6.8.4, variables and timers), receive.go
// (6.8.6), transmit.go (6.8.7), machine.go (all sessions), queue.go (whose turn
// is next), status.go.
//
// Only asynchronous mode is used. A peer's Demand mode is respected (6.6). The
// Echo function is not offered: a peer that reflects our packets in its
// forwarding plane proves less about it than control packets at the same rate, and
// on Linux both go through the same kernel.
//
// # Time
//
// Instants are durations since a start that the caller chooses, on a clock that
// does not go back. A datagram carries the instant of its arrival, which may lie
// before the latest Tick: the detection time runs from there. Whoever calls Tick
// must have handed over all datagrams that arrived before: a session is never
// declared down because its packets were read late.
package bfd
