// Package speaker is the shell round the OSPF engine: raw sockets, multicast
// membership, the clock. One goroutine, the one in [Speaker.Run], owns the
// engine; everybody else reaches it by [Speaker.Post] and [Speaker.Do].
//
// Files: speaker.go (the loop), output.go (what becomes of the engine's
// output), clock.go (the time of day), poller.go (sleeping), socket.go (the sockets and their options), receive.go and
// send.go (batches of datagrams), header.go (the IPv4 header), membership.go
// (multicast groups), priority.go (what goes first), inbox.go (the way in for other goroutines).
//
// Few sockets serve every interface. Two raw protocol 89 sockets, bound to no
// device, receive: one takes Hellos, the other everything else, told apart by
// a socket filter. So a flood of updates can not push Hellos out of the receive
// buffer, Hellos are always read before the engine looks at its timers, and a
// neighbour is never declared dead while its Hello waits in the kernel. The kernel
// allows 20 memberships on one socket (igmp_max_memberships), so they are kept by a
// pool of otherwise unused sockets; the receiving sockets get the groups that any
// socket has joined (IP_MULTICAST_ALL). The interface of a datagram is an ancillary
// message in both directions (IP_PKTINFO).
//
// Hellos are in no hurry: while nothing else happens, Hellos and timers are
// left to gather for up to 20 ms, which makes a hub with hundreds of tunnels wake
// up 50 times a second instead of 400. For 300 ms after any other packet, any
// input of the daemon and any event or route change nothing waits, so convergence
// is not held up.
//
// What one turn reads is stepped as far as possible at one instant, and timers wait while
// there is more to read (up to 0.1 s): the engine floods once for all of it, and does not
// send again what an unread acknowledgement answers.
//
// # How long a Step may take
//
// The loop sends nothing while Step runs. A Step must stay below 100 ms, a
// tenth of the shortest HelloInterval; the SPF calculation of a thousand routers
// takes a few milliseconds. A longer Step delays our Hellos by its length,
// and neighbours give up after RouterDeadInterval; those of the others wait in
// the kernel meanwhile and are not lost. [Options.OnOutput] and the functions
// handed to Do count towards the same budget: they must not block.
package speaker
