// Package bgp is the vocabulary of BGP-4 (RFC 4271) for IPv4 unicast: what is configured, what
// neighbours tell, what is told to them, and which of several paths is the best. It is pure: values in,
// values out. The sessions themselves live behind package bgp/worker, which alone knows the BGP
// implementation.
//
//   - config.go: [Config], its neighbours and dynamic neighbours
//   - attributes.go, aspath.go, community.go: the [Attributes] of a path
//   - path.go: a [Path] as learnt, and its [Source]
//   - announcement.go: an [Announcement], and for whom it is
//   - session.go: what there is to know about a [Session]
package bgp
