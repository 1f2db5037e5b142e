// Package spf turns LSAs into routes with equal-cost next-hop sets: the routing
// table calculation of RFC 2328 section 16. It reads no clock, and equal
// databases give equal tables, whatever the order of the changes was.
//
// A [Table] holds the graph of every area, kept current as LSAs come and go.
// Routers and transit networks are vertices, everything else is a leaf: a
// contribution to a prefix, filed under that prefix.
//
//   - table.go: the doors; root.go: what is known of the own links
//   - area.go, lsa.go: vertices and edges, and how an LSA changes them
//   - tree.go, candidates.go: Dijkstra (16.1) and next hops (16.1.1); hopset.go: sets as small numbers
//   - dest.go: a prefix and its intra-area (16.1) and inter-area (16.2) paths; summary.go: summary-LSAs
//   - asbr.go, external.go, forward.go: AS boundary routers, externals (16.4, 16.4.1), forwarding addresses
//   - virtual.go: own virtual links (15)
//   - range.go, transit.go, nssa.go, router.go: what area border routers add: address ranges (C.2, 11.1),
//     transit areas (16.3), type 7 LSAs (RFC 3101), and who else is on the border
//   - route.go, changes.go: the table and its differences
//   - shared.go: prefixes that other routers reach through this one and past it
//
// A change that touches only leaves is applied to the trees as they are (16.5,
// 16.6) and costs work for the prefixes it names. A change of the graph makes
// [Table.Pending] true until [Table.Run].
//
// Departures from RFC 2328, all within its freedom:
//
//   - Sets are complete (16.8): the number of paths is limited elsewhere.
//   - Several network-LSAs with one link state ID (12.4.2, 13.4): the one whose originator
//     links to the network is used, the largest advertising router among those. Never both.
//   - An equal-cost path onto an attached network and one through a gateway may
//     meet in one vertex; 16.1.1 is then applied to each next hop by itself.
//   - The longest match for a forwarding address (16.4 step 3) is looked for among
//     intra-area and inter-area routes; an address of the router itself matches nothing.
//   - A router attached to several areas without an adjacency in the backbone examines
//     the summaries of all of them (RFC 3509 section 2).
//   - The next hops of an own virtual link are those of the path that it stands for, not first unresolved
//     (16.1.1): the other end may have no summary of the destination to resolve them with (16.3).
//   - A network-LSA with mask 255.255.255.255 or 0.0.0.0 gives no route (RFC 6860),
//     and nothing does in 0/8, 127/8 and from 224/4 up.
package spf
