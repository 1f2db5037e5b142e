package ospf

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/ecmpd/ecmpd/ospf/auth"
	"github.com/ecmpd/ecmpd/ospf/packet"
)

// clock is the time of day, told by [Clock] inputs. Only lifetimes of keys and
// sequence numbers ask for it: it may jump, and the engine's instants may not.
type clock struct{ at, wall time.Time }

// wall is the time of day now.
func (e *Engine) wall() time.Time {
	if e.clock.at.IsZero() {
		return e.now
	}
	return e.clock.wall.Add(e.now.Sub(e.clock.at))
}

// encode makes the bytes of a packet, authenticated as the interface is
// configured (RFC 2328 D.4).
func (i *iface) encode(h packet.Header, body packet.Body) []byte {
	s := i.cfg.Auth
	if len(s.Keys) == 0 {
		return packet.Append(nil, h, body)
	}
	k, stale := s.SendKey(i.e.wall())
	if stale { // D.3: tell, and go on
		i.e.alarm("authentication-key", i.chain(), i.staleKey(k))
	}
	return s.Append(nil, h, body, k, i.address(), i.nextSequence(s.Extended))
}

// chain is what holds the keys: a chain, or the interface itself.
func (i *iface) chain() string {
	if i.cfg.Auth.Chain != "" {
		return "key chain " + i.cfg.Auth.Chain
	}
	return "interface " + i.name
}

func (i *iface) staleKey(k auth.Key) string {
	return fmt.Sprintf("no key of %s is valid for sending: key %d, valid %s, stays in use; configure a new one or set the clock", i.chain(), k.ID, k.Send)
}

// authentication is how the interface sends, and what is wrong with that.
func (i *iface) authentication() (how, why string) {
	s := i.cfg.Auth
	if len(s.Keys) == 0 {
		return "none", ""
	}
	k, stale := s.SendKey(i.e.wall())
	how = fmt.Sprintf("%s, key %d", k.Algorithm, k.ID)
	if s.Chain != "" {
		how += " of " + s.Chain
	}
	if s.Extended {
		how += ", extended sequence numbers"
	}
	if stale {
		why = i.staleKey(k)
	}
	return how, why
}

// authenticate is RFC 2328 D.5.
func (i *iface) authenticate(d Datagram, h packet.Header) (auth.Proof, bool) {
	proof, err := i.cfg.Auth.Verify(d.Data, h, d.Src, i.e.wall())
	var refusal *auth.Error
	if errors.As(err, &refusal) {
		reason := map[auth.Reason]Reject{
			auth.TypeMismatch: RejectAuthType, auth.UnknownKey: RejectAuthKey,
			auth.InvalidKey: RejectAuthLifetime, auth.BadDigest: RejectAuthDigest,
		}[refusal.Reason]
		i.reject(d.Src, h, reason, "%s", refusal.Detail)
		return proof, false
	}
	if last, fresh := i.fresh(d.Src, h, proof); !fresh {
		i.reject(d.Src, h, RejectAuthSequence, "sequence number %d of a %s after %d: replayed, or the neighbour's clock went back with a restart",
			proof.Sequence, h.Type, last)
		return proof, false
	}
	return proof, true
}

// received holds the highest sequence number of each packet type. RFC 7474 2
// keeps them apart because packets of different types overtake each other (RFC
// 4222); ours do so in the sockets, whatever the authentication type.
type received [packet.TypeLSAck + 1]uint64

// overtaking is by how many sequence numbers of authentication type 2 packets of
// another type may be behind the first one of a neighbour: FRR sends Hellos before
// what it has numbered earlier.
const overtaking = 100

// fresh tells whether the sequence number may come after the last one, which it returns.
func (i *iface) fresh(src netip.Addr, h packet.Header, p auth.Proof) (last uint64, ok bool) {
	switch p.AuType {
	case packet.AuCrypto: // D.5.3 (2): not less; equal ones are usual
		for _, n := range i.neighbors {
			last := n.received[h.Type]
			if n.id == h.RouterID && (p.Sequence < last || p.Sequence == last && last > 0 && n.addr != src) {
				return last, false
			}
		}
	case packet.AuExtended: // RFC 7474 2: greater, also across adjacencies
		if m := i.e.extended[extendedKey{i.name, h.RouterID, p.KeyID}]; m != nil {
			return m.received[h.Type], p.Sequence > m.received[h.Type]
		}
	}
	return 0, true
}

// extendedKey is whose extended sequence numbers are remembered. Another key
// begins anew: a router that has lost its boot count needs one (RFC 7474 8).
type extendedKey struct {
	iface  string
	router packet.ID
	keyID  uint8
}

type extendedMemory struct {
	received received
	heard    time.Time
}

// maxExtended bounds the routers whose extended sequence numbers are remembered;
// only one that has a key can make an entry.
const maxExtended = 4096

// accepted remembers the sequence number of a packet that was authentic and has
// been dealt with. Of types 1 and 2 it lives as long as the neighbour (D.3).
func (i *iface) accepted(src netip.Addr, h packet.Header, p auth.Proof) {
	n := i.findNeighbor(h.RouterID, src)
	if n != nil {
		n.key = p.KeyID
	}
	switch p.AuType {
	case packet.AuCrypto:
		if n != nil {
			if n.received == (received{}) { // nothing from before this adjacency follows
				for t := range n.received {
					n.received[t] = p.Sequence - min(p.Sequence, overtaking)
				}
			}
			n.received[h.Type] = p.Sequence
		}
	case packet.AuExtended:
		k := extendedKey{i.name, h.RouterID, p.KeyID}
		m := i.e.extended[k]
		if m == nil {
			i.e.dropOldestExtended()
			m = &extendedMemory{}
			i.e.extended[k] = m
		}
		m.received[h.Type], m.heard = p.Sequence, i.e.now
	}
}

func (e *Engine) dropOldestExtended() {
	if len(e.extended) < maxExtended {
		return
	}
	var oldest extendedKey
	var found *extendedMemory
	for k, m := range e.extended {
		if found == nil || m.heard.Before(found.heard) || m.heard.Equal(found.heard) && k.before(oldest) {
			oldest, found = k, m
		}
	}
	delete(e.extended, oldest)
}

func (k extendedKey) before(o extendedKey) bool {
	return cmp.Or(cmp.Compare(k.iface, o.iface), cmp.Compare(k.router, o.router), cmp.Compare(k.keyID, o.keyID)) < 0
}
