package ospf

// stubRouter tells whether transit links carry MaxLinkMetric (RFC 6987).
func (e *Engine) stubRouter() bool { return e.stubRouterBy(e.cfg.StubRouter) }

// stubRouterBy is stubRouter under another configuration.
func (e *Engine) stubRouterBy(c StubRouter) bool {
	starting := e.startup.armed() && e.now.Before(e.started.Add(c.OnStartup))
	return c.Administrative || e.drained || starting || e.shutdown.active && !e.shutdown.restart
}

// drain makes the router a stub router until told otherwise: transit traffic
// moves to other routers, the router's own networks stay reachable.
func (e *Engine) drain(on bool) {
	e.drained = on
	e.linksChanged()
}

// linksChanged looks at all router-LSAs again.
func (e *Engine) linksChanged() {
	for _, a := range e.areas {
		a.rootDirty = true
	}
}

// StubRouterStatus tells whether the router keeps transit traffic away (RFC 6987).
type StubRouterStatus struct {
	Active  bool
	Drained bool // by command, not by configuration
	// Acknowledged: the router-LSAs that say so, or say that it is over, are out
	// and every adjacent neighbour has acknowledged them.
	Acknowledged bool
}

// StubRouter returns the present state.
func (e *Engine) StubRouter() StubRouterStatus {
	s := StubRouterStatus{Active: e.stubRouter(), Drained: e.drained, Acknowledged: e.retransmissions == 0}
	for _, o := range e.origin {
		if o.overdue() {
			s.Acknowledged = false
		}
	}
	return s
}
