package ospf

import (
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/ecmpd/ecmpd/ospf/packet"
)

// Reject is the reason for which a packet, or one LSA of it, was dropped; a
// closed list.
type Reject uint8

// Reasons to drop a packet, in the order in which RFC 2328 8.2, 10.5, 10.6,
// 10.7 and 13 test for them.
const (
	RejectMalformed Reject = iota + 1
	RejectChecksum
	RejectTTL        // RFC 5082
	RejectNotAllowed // not one of the neighbours that are allowed
	RejectSource
	RejectDestination
	RejectPassive
	RejectArea
	RejectInstance
	RejectAuthType     // authentication of another type than ours
	RejectAuthKey      // key that we do not have
	RejectAuthLifetime // key that is not accepted at this time
	RejectAuthDigest   // wrong digest or password
	RejectAuthSequence // sequence number of a packet that was there before
	RejectRouterID
	RejectDuplicateID
	RejectMask
	RejectHelloInterval
	RejectDeadInterval
	RejectOptions
	RejectUnicastHello
	RejectSecondNeighbor // on a point-to-point link
	RejectNeighborLimit
	RejectUnknownNeighbor
	RejectNeighborState
	RejectMTU
	RejectLSA
	RejectLSALimit
	RejectLLS // a block of link-local signalling, not its packet (RFC 5613)
	rejectCount
)

var rejectNames = [rejectCount]string{
	RejectMalformed:       "malformed",
	RejectChecksum:        "checksum",
	RejectTTL:             "ttl",
	RejectNotAllowed:      "not-allowed",
	RejectSource:          "source",
	RejectDestination:     "destination",
	RejectPassive:         "passive",
	RejectArea:            "area-mismatch",
	RejectInstance:        "instance",
	RejectAuthType:        "authentication-type",
	RejectAuthKey:         "authentication-key",
	RejectAuthLifetime:    "authentication-lifetime",
	RejectAuthDigest:      "authentication-digest",
	RejectAuthSequence:    "authentication-sequence",
	RejectRouterID:        "router-id",
	RejectDuplicateID:     "duplicate-router-id",
	RejectMask:            "mask-mismatch",
	RejectHelloInterval:   "hello-interval-mismatch",
	RejectDeadInterval:    "dead-interval-mismatch",
	RejectOptions:         "options-mismatch",
	RejectUnicastHello:    "unicast-hello",
	RejectSecondNeighbor:  "second-neighbor",
	RejectNeighborLimit:   "neighbor-limit",
	RejectUnknownNeighbor: "unknown-neighbor",
	RejectNeighborState:   "neighbor-state",
	RejectMTU:             "mtu-mismatch",
	RejectLSA:             "bad-lsa",
	RejectLSALimit:        "lsa-limit",
	RejectLLS:             "lls",
}

// String returns the reason in kebab case, as it appears in counters.
func (r Reject) String() string {
	if int(r) < len(rejectNames) && rejectNames[r] != "" {
		return rejectNames[r]
	}
	return fmt.Sprintf("reject(%d)", r)
}

// strangers remembers, per interface, the senders whose packets were dropped,
// so that "show" can say why a neighbour does not come up. Bounded.
type strangers struct {
	seen map[netip.Addr]*stranger
}

type stranger struct {
	addr     netip.Addr
	routerID packet.ID
	reason   Reject
	detail   string
	last     time.Time
	reported time.Time // last PacketRejected event
}

// maxStrangers bounds the senders remembered per interface; the one that was
// silent for longest makes room.
const maxStrangers = 32

// note enters a dropped packet and tells whether it is to be reported: once a
// second and sender, and not when ever new senders push each other out.
func (s *strangers) note(now time.Time, addr netip.Addr, id packet.ID, r Reject, detail string) (report bool) {
	st := s.seen[addr]
	if st == nil {
		if s.seen == nil {
			s.seen = make(map[netip.Addr]*stranger)
		}
		st = &stranger{addr: addr}
		if len(s.seen) >= maxStrangers {
			oldest := s.oldest()
			if now.Sub(oldest.last) < time.Second {
				st.reported = now
			}
			delete(s.seen, oldest.addr)
		}
		s.seen[addr] = st
	}
	report = now.Sub(st.reported) >= time.Second
	st.routerID, st.reason, st.detail, st.last = id, r, detail, now
	if report {
		st.reported = now
	}
	return report
}

func (s *strangers) oldest() *stranger {
	var found *stranger
	for _, st := range s.seen {
		if found == nil || st.last.Before(found.last) || st.last.Equal(found.last) && st.addr.Less(found.addr) {
			found = st
		}
	}
	return found
}

func (s *strangers) forget(addr netip.Addr) { delete(s.seen, addr) }

// reason is why the last packet of a sender was dropped, if that was since the
// instant; else 0.
func (s *strangers) reason(addr netip.Addr, since time.Time) Reject {
	if st := s.seen[addr]; st != nil && !st.last.Before(since) {
		return st.reason
	}
	return 0
}

// recent lists the senders heard since the instant, by address.
func (s *strangers) recent(since time.Time) []*stranger {
	var list []*stranger
	for _, st := range s.seen {
		if !st.last.Before(since) {
			list = append(list, st)
		}
	}
	slices.SortFunc(list, func(a, b *stranger) int { return a.addr.Compare(b.addr) })
	return list
}

// reject counts a dropped packet and, at most once a second per sender,
// reports it.
func (i *iface) reject(src netip.Addr, h packet.Header, r Reject, format string, args ...any) {
	i.rejected[r]++
	detail := fmt.Sprintf(format, args...)
	if i.strangers.note(i.e.now, src, h.RouterID, r, detail) && i.mayReport() {
		i.e.emit(PacketRejected{Interface: i.name, Src: src, Type: h.Type, Reason: r, Detail: detail})
	}
}

// maxReports bounds the PacketRejected events of an interface a second, however
// many senders somebody makes up.
const maxReports = 10

func (i *iface) mayReport() bool {
	if i.e.now.Sub(i.reportsFrom) >= time.Second {
		i.reportsFrom, i.reports = i.e.now, 0
	}
	i.reports++
	return i.reports <= maxReports
}
