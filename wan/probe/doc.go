// Package probe asks whether an uplink leads to the Internet. Every socket is bound to
// the uplink's link, so that packets leave by it and answers count only when they come in
// through it, has its address, and bears its mark, so that the kernel finds the
// uplink's own table.
//
// Files: probe.go ([Run], [Ask]), socket.go (binding), icmp.go, arp.go, dns.go: the ways to ask.
package probe
