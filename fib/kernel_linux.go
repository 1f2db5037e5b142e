package fib

import (
	"fmt"

	"golang.org/x/sys/unix"

	"github.com/ecmpd/ecmpd/ipv4"
)

// kernel is the only writer of routes and nexthops.
type kernel struct {
	conn *conn
	cfg  Config
}

// openKernel opens the socket in the calling thread's network namespace.
func openKernel(cfg Config) (*kernel, error) {
	c, err := dial()
	if err != nil {
		return nil, err
	}
	return &kernel{conn: c, cfg: cfg}, nil
}

// permitted asks, with a request that changes nothing, whether the kernel would
// take writes from this process.
func (k *kernel) permitted() error {
	err := k.apply([]op{{kind: opDelHop}})[0] // no nexthop has the id 0
	if isAny(err, unix.EPERM, unix.EACCES) {
		return fmt.Errorf("write kernel routes: needs root or CAP_NET_ADMIN: %w", err)
	}
	return nil
}

func (k *kernel) port() uint32 { return k.conn.port }
func (k *kernel) close()       { k.conn.close() }

// apply writes ops in order, many a system call, and returns one error per op.
// It goes on after errors.
func (k *kernel) apply(ops []op) []error {
	errs := make([]error, 0, len(ops))
	b := batch{buf: make([]byte, 0, min(len(ops), batchSize)*64)}
	for i := range ops {
		k.append(&b, &ops[i])
		if b.full() || i == len(ops)-1 {
			errs = append(errs, k.conn.send(&b)...)
			b = batch{buf: b.buf[:0]}
		}
	}
	return errs
}

// append encodes one op.
func (k *kernel) append(b *batch, o *op) {
	const create, replace = unix.NLM_F_CREATE | unix.NLM_F_EXCL, unix.NLM_F_CREATE | unix.NLM_F_REPLACE
	proto := k.cfg.Protocol
	switch o.kind {
	case opAddHop:
		b.start(unix.RTM_NEWNEXTHOP, create)
		b.buf = appendHop(b.buf, proto, o.id, *o.hop)
	case opAddGroup:
		b.start(unix.RTM_NEWNEXTHOP, create)
		b.buf = appendGroup(b.buf, k.cfg, o.id, o.members)
	case opReplaceGroup:
		// Without NLM_F_CREATE: a group that vanished took its routes along and
		// must not come back without them unnoticed.
		b.start(unix.RTM_NEWNEXTHOP, unix.NLM_F_REPLACE)
		b.buf = appendGroup(b.buf, k.cfg, o.id, o.members)
	case opAddRoute:
		b.start(unix.RTM_NEWROUTE, create)
		b.buf = appendRoute(b.buf, k.cfg, o.prefix, o.target)
	case opReplaceRoute:
		b.start(unix.RTM_NEWROUTE, replace)
		b.buf = appendRoute(b.buf, k.cfg, o.prefix, o.target)
	case opUnroute, opDelRoute:
		b.start(unix.RTM_DELROUTE, 0)
		b.buf = appendRouteKey(b.buf, proto, scopeNowhere, 0, stray{prefix: o.prefix, table: k.cfg.Table, metric: k.cfg.Metric})
	case opDelStray:
		b.start(unix.RTM_DELROUTE, 0)
		b.buf = appendRouteKey(b.buf, proto, scopeNowhere, 0, *o.stray)
	case opEvict, opDelGroup, opDelHop:
		b.start(unix.RTM_DELNEXTHOP, 0)
		b.buf = appendHopID(b.buf, o.id)
	}
	b.end()
}

// objects dumps all nexthop objects: ours by content, others' by id.
func (k *kernel) objects() (hops map[uint32]hopKey, groups map[uint32][]member, foreign map[uint32]struct{}, err error) {
	err = k.conn.dump(unix.RTM_GETNEXTHOP, make([]byte, unix.SizeofNhmsg), func() {
		hops, groups, foreign = map[uint32]hopKey{}, map[uint32][]member{}, map[uint32]struct{}{}
	}, func(m message) error {
		n, err := parseNexthop(m.body)
		switch {
		case err != nil:
			return err
		case n.protocol != k.cfg.Protocol:
			foreign[n.id] = struct{}{}
		case n.members != nil && n.resilient != k.cfg.Resilient:
			// A group cannot become one of another kind: no wanted group has a
			// member of this kind, so that this one is never adopted.
			groups[n.id] = append(n.members, member{})
		case n.members != nil:
			groups[n.id] = n.members
		default:
			hops[n.id] = n.hop
		}
		return nil
	})
	if err != nil {
		err = fmt.Errorf("list kernel nexthops: %w", err)
	}
	return hops, groups, foreign, err
}

// routes dumps our routes of all tables. After reset the dump begins again.
func (k *kernel) routes(reset func(), take func(ownRoute)) error {
	return k.eachRoute(k.cfg.Protocol, 0, reset, func(r *kernelRoute) {
		if r.protocol == k.cfg.Protocol {
			take(r.own())
		}
	})
}

// occupants dumps who sits, in our table and with our metric, on prefixes.
func (k *kernel) occupants(prefixes map[ipv4.Prefix]bool) ([]kernelRoute, error) {
	return k.dumpRoutes(0, k.cfg.Table, func(r *kernelRoute) bool {
		p, _ := ipv4.PrefixOf(r.prefix)
		return r.table == k.cfg.Table && r.metric == k.cfg.Metric && r.tos == 0 && prefixes[p]
	})
}

// dumpRoutes dumps the IPv4 routes that keep accepts.
func (k *kernel) dumpRoutes(protocol uint8, table uint32, keep func(*kernelRoute) bool) (out []kernelRoute, err error) {
	err = k.eachRoute(protocol, table, func() { out = out[:0] }, func(r *kernelRoute) {
		if keep(r) {
			out = append(out, *r)
		}
	})
	return out, err
}

// eachRoute dumps IPv4 routes; protocol and table 0 mean any. The kernel filters
// when it can, take decides. After reset the dump begins again.
func (k *kernel) eachRoute(protocol uint8, table uint32, reset func(), take func(*kernelRoute)) error {
	body := make([]byte, unix.SizeofRtMsg)
	body[0], body[5] = unix.AF_INET, protocol
	if table != 0 {
		body = appendAttr32(body, unix.RTA_TABLE, table)
	}
	var r kernelRoute
	err := k.conn.dump(unix.RTM_GETROUTE, body, reset, func(m message) (err error) {
		if r, err = parseRoute(m.body); err == nil && !r.cloned {
			take(&r)
		}
		return err
	})
	if isAny(err, unix.ENOENT) {
		return nil // the table does not exist yet
	}
	if err != nil {
		return fmt.Errorf("list kernel routes: %w", err)
	}
	return nil
}
