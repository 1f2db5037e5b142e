package config

// The section bgp as it is written; see raw.go.

type rawBGP struct {
	Node         *node
	AS           *node                `key:"as"`
	RouterID     *node                `key:"router-id"`
	ClusterID    *node                `key:"cluster-id"`
	Port         *node                `key:"port"`
	Listen       []*node              `key:"listen-addresses"`
	Resolve      *node                `key:"resolve-via-default"`
	StaleTime    *node                `key:"stale-time"`
	Requires     *node                `key:"ebgp-requires-policy"`
	Distance     *rawBGPDistance      `key:"distance"`
	Multipath    *rawBGPMultipath     `key:"multipath"`
	Networks     []*node              `key:"networks"`
	Aggregates   []rawBGPAggregate    `key:"aggregates"`
	Redistribute []rawBGPRedistribute `key:"redistribute"`
	Announce     []rawBGPAnnounce     `key:"announce"`
	Policies     []rawBGPPolicy       `key:"policies"`
	Neighbors    []rawBGPNeighbor     `key:"neighbors"`
	Dynamic      []rawBGPDynamic      `key:"dynamic-neighbors" like:"neighbors"`
}

type rawBGPDistance struct {
	Node *node
	EBGP *node `key:"ebgp"`
	IBGP *node `key:"ibgp"`
}

type rawBGPMultipath struct {
	Node       *node
	EBGP       *node `key:"ebgp"`
	IBGP       *node `key:"ibgp"`
	MultipleAS *node `key:"multiple-as"`
}

type rawBGPNeighbor struct {
	Node            *node
	Address         *node          `key:"address"`
	RemoteAS        *node          `key:"remote-as"`
	Description     *node          `key:"description"`
	Enabled         *node          `key:"enabled"`
	LocalAddress    *node          `key:"local-address"`
	Port            *node          `key:"port"`
	Password        *node          `key:"password"`
	Passive         *node          `key:"passive"`
	Multihop        *node          `key:"multihop"`
	TTLSecurity     *node          `key:"ttl-security"`
	Timers          *rawBGPTimers  `key:"timers"`
	GracefulRestart *rawBGPRestart `key:"graceful-restart"`
	Reflect         *node          `key:"route-reflector-client"`
	RouteServer     *node          `key:"route-server-client"`
	NextHopSelf     *node          `key:"next-hop-self"`
	Requires        *node          `key:"ebgp-requires-policy"`
	PrefixLimit     *node          `key:"prefix-limit"`
	BFD             *rawBFD        `key:"bfd" or:"scalar" like:"static"`
	Import          []*node        `key:"import" or:"scalar"`
	Export          []*node        `key:"export" or:"scalar"`
}

type rawBGPTimers struct {
	Node         *node
	Hold         *node `key:"hold-time"`
	Keepalive    *node `key:"keepalive"`
	ConnectRetry *node `key:"connect-retry"`
}

type rawBGPRestart struct {
	Node    *node
	Enabled *node `key:"enabled"`
	Time    *node `key:"restart-time"`
}

// rawBGPDynamic has the keys of a neighbour that make sense for one that connects.
type rawBGPDynamic struct {
	Node            *node
	Prefix          *node          `key:"prefix"`
	Limit           *node          `key:"limit"`
	RemoteAS        *node          `key:"remote-as"`
	Description     *node          `key:"description"`
	Password        *node          `key:"password"`
	Multihop        *node          `key:"multihop"`
	TTLSecurity     *node          `key:"ttl-security"`
	Timers          *rawBGPTimers  `key:"timers"`
	GracefulRestart *rawBGPRestart `key:"graceful-restart"`
	Reflect         *node          `key:"route-reflector-client"`
	RouteServer     *node          `key:"route-server-client"`
	NextHopSelf     *node          `key:"next-hop-self"`
	Requires        *node          `key:"ebgp-requires-policy"`
	PrefixLimit     *node          `key:"prefix-limit"`
	Import          []*node        `key:"import" or:"scalar"`
	Export          []*node        `key:"export" or:"scalar"`
}

// neighbor is what it has in common with a configured one.
func (d *rawBGPDynamic) neighbor() *rawBGPNeighbor {
	return &rawBGPNeighbor{
		Node: d.Node, RemoteAS: d.RemoteAS, Description: d.Description, Password: d.Password, Multihop: d.Multihop, TTLSecurity: d.TTLSecurity,
		Timers: d.Timers, GracefulRestart: d.GracefulRestart, Reflect: d.Reflect, RouteServer: d.RouteServer, NextHopSelf: d.NextHopSelf,
		Requires: d.Requires, PrefixLimit: d.PrefixLimit, Import: d.Import, Export: d.Export,
	}
}
