package api

import (
	"cmp"
	"fmt"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

// MaxSample is the largest Sample of an [ExplainQuery].
const MaxSample = 10000

// ExplainQuery is the packet that [PathExplain] explains.
type ExplainQuery struct {
	Source, Destination         netip.Addr
	Protocol                    uint8
	SourcePort, DestinationPort uint16 // of TCP and UDP
	In                          string // interface; empty: where the route to the source leads
	Sample                      int    // random source ports to try, 0..MaxSample
}

// protocolNames are the IP protocols that have a name here.
var protocolNames = map[uint8]string{1: "icmp", 6: "tcp", 17: "udp", 47: "gre", 50: "esp", 89: "ospf", 132: "sctp"}

// ProtocolName is the name of an IP protocol, or its number.
func ProtocolName(p uint8) string {
	return cmp.Or(protocolNames[p], strconv.Itoa(int(p)))
}

// ParseProtocol reads what ProtocolName writes.
func ParseProtocol(text string) (uint8, error) {
	for n, name := range protocolNames {
		if strings.EqualFold(name, text) {
			return n, nil
		}
	}
	n, err := strconv.ParseUint(text, 10, 8)
	if err != nil {
		return 0, fmt.Errorf("%q is no IP protocol: write tcp, udp, icmp or a number up to 255", text)
	}
	return uint8(n), nil
}

// Values gives the query as the API takes it.
func (q ExplainQuery) Values() url.Values {
	v := url.Values{
		"source": {q.Source.String()}, "destination": {q.Destination.String()}, "protocol": {ProtocolName(q.Protocol)},
		"sourcePort": {strconv.Itoa(int(q.SourcePort))}, "destinationPort": {strconv.Itoa(int(q.DestinationPort))},
	}
	if q.In != "" {
		v.Set("in", q.In)
	}
	if q.Sample > 0 {
		v.Set("sample", strconv.Itoa(q.Sample))
	}
	return v
}

// parseExplain is the inverse of Values; ports and sample may be left out.
func parseExplain(v url.Values) (q ExplainQuery, err error) {
	number := func(key string, limit uint64) uint64 {
		text := v.Get(key)
		if text == "" || err != nil {
			return 0
		}
		n, perr := strconv.ParseUint(text, 10, 32)
		if perr != nil || n > limit {
			err = fmt.Errorf("%w: %s=%s: a number up to %d", errQuery, key, text, limit)
		}
		return n
	}
	address := func(key string) netip.Addr {
		a, perr := netip.ParseAddr(v.Get(key))
		if err == nil && (perr != nil || !a.Is4()) {
			err = fmt.Errorf("%w: %s=%s: an IPv4 address", errQuery, key, v.Get(key))
		}
		return a
	}
	q.Source, q.Destination, q.In = address("source"), address("destination"), v.Get("in")
	q.SourcePort, q.DestinationPort = uint16(number("sourcePort", 65535)), uint16(number("destinationPort", 65535))
	q.Sample = int(number("sample", MaxSample))
	if err != nil {
		return q, err
	}
	if q.Protocol, err = ParseProtocol(v.Get("protocol")); err != nil {
		err = fmt.Errorf("%w: protocol: %w", errQuery, err)
	}
	return q, err
}

// Explain is the body of [PathExplain]: the life of one packet and of its answer.
type Explain struct {
	Forward    Direction `json:"forward"`
	Reverse    Direction `json:"reverse"`
	SameHub    string    `json:"sameHub"`    // yes, no, not proven
	SameHubWhy string    `json:"sameHubWhy"` // what that follows from
	Hash       Hash      `json:"hash"`
	Sample     Sample    `json:"sample"`
}

// Hash is how the kernel chooses among the members of a group.
type Hash struct {
	Policy int    `json:"policy"` // fib_multipath_hash_policy
	Fields string `json:"fields"` // what is hashed
}

// Direction is what the kernel does with a packet in one direction.
type Direction struct {
	Source          string `json:"source"`
	Destination     string `json:"destination"`
	Protocol        string `json:"protocol"`
	SourcePort      int    `json:"sourcePort"`
	DestinationPort int    `json:"destinationPort"`
	In              string `json:"in"` // interface; empty: the router's own packet

	Tracked        bool   `json:"tracked"`
	TrackedCertain bool   `json:"trackedCertain"`
	TrackedBy      string `json:"trackedBy"` // the rule, or the reason

	Rule      string    `json:"rule"`  // policy rule
	Table     string    `json:"table"` // of routes
	Route     string    `json:"route"` // prefix of the route
	Group     uint32    `json:"group"` // nexthop object or group of the route; 0: none
	Members   List[Hop] `json:"members"`
	Via       string    `json:"via"`       // gateway of the chosen member; empty: directly connected, or not known
	Interface string    `json:"interface"` // out; empty: not known, or it does not leave
	RouterID  string    `json:"routerId"`  // behind it; 0.0.0.0 when unknown
	Why       string    `json:"why"`       // why no member is named, or where the packet ends; else empty

	Uplink ExplainUplink `json:"uplink"` // that it goes by; empty without uplinks

	TranslatedBy List[Blocker] `json:"translatedBy"` // NAT
	DroppedBy    List[Blocker] `json:"droppedBy"`    // rules that drop it
	OffloadedBy  List[Blocker] `json:"offloadedBy"`  // flowtables that its connection enters
}

// ExplainUplink is the uplink that a packet goes by.
type ExplainUplink struct {
	Name     string `json:"name"` // empty: none, or it is not known yet
	Why      string `json:"why"`
	Mark     string `json:"mark"`     // of the connection; empty: none, or it is not known yet
	NAT      string `json:"nat"`      // masquerade, none, or an address; empty without a name
	Balanced bool   `json:"balanced"` // which one is decided when the connection begins
}

// Sample shows how flows that differ in their source port spread.
type Sample struct {
	Flows   int         `json:"flows"` // tried
	Why     string      `json:"why"`   // why there is none though it was asked for; else empty
	Members List[Share] `json:"members"`
}

// Share is one member's part of a sample.
type Share struct {
	Via        string `json:"via"`
	Interface  string `json:"interface"`
	RouterID   string `json:"routerId"`
	Weight     int    `json:"weight"`
	Flows      int    `json:"flows"`
	Configured string `json:"configured"` // percent, by weights
	Measured   string `json:"measured"`   // percent
}
