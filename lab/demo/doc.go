// Package demo is `ecmpd demo`: it builds two VPN hubs with stateful
// firewalls and two branches out of network namespaces, shows what goes wrong
// with equal-cost paths there, and what ecmpd does about it.
//
//	demo.go     Run: the story from start to verdict
//	network.go  the machines, their links and their firewalls
//	seat.go     the routers: their configuration, and what the story asks of them
//	phases.go   the three phases and what they measure
//	screen.go   what the user sees
//
// Every figure is counted from the sockets and interfaces of that run.
package demo
