// Package lab builds small networks out of Linux network namespaces: nodes,
// links between them, processes that run inside, and traffic to measure what
// they do. The demo, the containerlab runner and the integration tests stand
// on it.
//
//	lab.go      Lab: the whole network, its making and its removal
//	node.go     Node: one namespace with a hostname, sysctls, code inside it
//	process.go  commands that run to their end, and long-lived processes
//	link.go     veth links, bridges, addresses, carrier
//	route.go    routes and counters as the kernel of a node holds them
//	usage.go    processor time and memory
//	sweep.go    what a crashed run left behind
//	wait.go     waiting for a condition
//	echo.go     an echo server for TCP and UDP
//	load.go     many TCP connections at once
//	probe.go    a steady stream of probes
//
// Nothing outside a lab's own namespaces is touched: links are made inside
// them, and /run/netns and /run hold the names that `ip netns` shows and the
// lab's files. Every name starts with tag and process id, so that several labs
// live on one machine and leftovers can be told from labs in use.
//
// Every namespace gets a multipath hash seed of its own. Without it all
// namespaces of a machine hash alike, both directions of a flow take the same
// path, and asymmetric routing disappears by accident.
package lab
