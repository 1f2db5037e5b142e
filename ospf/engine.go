package ospf

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/ecmpd/ecmpd/ospf/lsdb"
	"github.com/ecmpd/ecmpd/ospf/packet"
	"github.com/ecmpd/ecmpd/ospf/spf"
)

// Multicast groups of RFC 2328 A.1.
var (
	allSPFRouters = netip.AddrFrom4([4]byte{224, 0, 0, 5})
	allDRouters   = netip.AddrFrom4([4]byte{224, 0, 0, 6})
)

// Engine is one OSPF router as a value machine: inputs through [Engine.Step],
// everything that it wants from the world in the returned [Output]. It holds no
// goroutine, socket, lock or clock, and is not safe for concurrent use.
type Engine struct {
	rng *rand.Rand
	now time.Time // of the current Step
	out Output    // of the current Step

	cfg     Config
	started time.Time // first configuration; zero before
	links   map[string]Link
	offers  map[Source]map[netip.Prefix]struct{}

	areas  []*area  // by area id
	ifaces []*iface // by name
	as     *database
	origin map[originKey]*selfLSA
	table  *spf.Table

	externals externals
	overflow  overflow
	border    border

	timers   timerQueue
	delay    spfDelay
	shutdown shutdown
	restart  restart
	pacing   pacing
	startup  timer // end of stub-router.on-startup
	drained  bool  // stub router by command

	roots           timer // brings areas whose root is dirty in line
	floods          floodQueue
	progress        []*neighbor // whose request lists shrank in this Step
	retransmissions int         // LSAs on the retransmission lists of all neighbours
	anew            anew
	maxAged         []agedLSA // MaxAge instances that wait to leave the database
	maxAgedCheck    bool      // something that they wait for has changed
	helpDue         bool      // the help for a neighbour may have to end
	routesDirty     bool      // the route table may have changes to publish
	alarms          map[alarmKey]time.Time
	clock           clock
	sequences       sequences
	extended        map[extendedKey]*extendedMemory
	counters        Counters
	aged            []byte // scratch of sendUpdate
}

// New returns an engine without configuration; the first [Config] input starts
// it. The seed feeds every random choice, so equal inputs give equal outputs.
func New(seed uint64) *Engine {
	e := &Engine{
		rng:    rand.New(rand.NewPCG(seed, 0x6563_6d70_64)),
		links:  make(map[string]Link),
		offers: make(map[Source]map[netip.Prefix]struct{}),
		origin: make(map[originKey]*selfLSA),
		alarms: make(map[alarmKey]time.Time),

		extended: make(map[extendedKey]*extendedMemory),

		externals: externals{linkStateIDs: newLinkStateIDs()},
	}
	e.delay.timer.fire = e.runSPF
	e.shutdown.timer.fire = e.shutdownStep
	e.externals.timer.fire = func() {} // every Step settles them
	e.startup.fire = e.linksChanged
	e.restart.timer.fire = func() { e.endRestart(false, gracePeriodOver) }
	e.restart.idle.fire = func() { e.restart.due = true }
	e.restart.calm.fire = e.restart.idle.fire
	e.restart.sweep.fire = e.sweepRestart
	e.overflow.exit.fire = e.exitOverflow
	e.pacing.timer.fire = func() {} // every Step settles it
	e.roots.fire = e.settleRoots
	e.floods.timer.fire = e.sendFloods
	return e
}

// Step applies one input at the instant now, which must not go back, and
// returns what follows from it. Whatever is due by now happens first. Inputs that
// arrive together should carry the same instant: what they lead to (packets of LSAs,
// SPF) is put together by the first Step of a later one, which is due at once.
func (e *Engine) Step(now time.Time, in Input) Output {
	e.now = now
	e.out = Output{}
	if e.shutdown.done {
		return e.out
	}
	e.timers.run(now)
	switch in := in.(type) {
	case Datagram:
		e.receive(in)
	case Links:
		e.applyLinks(in.Links)
	case Config:
		e.configure(in)
	case Offer:
		e.applyOffer(in)
	case BFDDown:
		e.bfdDown(in)
	case Command:
		e.command(in)
	case Clock:
		e.clock = clock{at: now, wall: in.Wall}
	case Restarting:
		e.restart.given = &in
	case Sequences:
		e.resume(in)
	case Tick:
	}
	e.settle()
	return e.out
}

// Deadline returns the instant at which a [Tick] is due; zero when there is none.
func (e *Engine) Deadline() time.Time {
	if e.shutdown.done {
		return time.Time{}
	}
	at, _ := e.timers.next()
	return at
}

// soon is the instant behind all inputs that carry this one: what is put off until
// then (own router-LSAs, flooding, SPF) happens once for all of them.
func (e *Engine) soon() time.Time { return e.now.Add(1) }

// settle brings what one input set in motion to its end: own LSAs follow the new
// state, routes are published.
func (e *Engine) settle() {
	if e.started.IsZero() {
		return
	}
	e.settleProgress()
	e.settleMissed()
	e.settleRetransmissions()
	e.settlePacing()
	for again := true; again; { // each turn ends the help for a neighbour, or our own restart
		e.updateBorder()
		e.concludeRestart()
		if e.table != nil && e.routesDirty && !e.restart.active {
			e.publish()
		}
		e.settleSummaries()
		e.settleIndications()
		e.settleOverflow()
		e.settleExternals()
		helped, restarted := e.settleHelping(), e.settleRestart()
		again = helped || restarted
	}
	e.sweepMaxAged()
	e.shutdownSettle()
	if slices.ContainsFunc(e.areas, func(a *area) bool { return a.rootDirty }) && !e.roots.armed() {
		e.timers.set(&e.roots, e.soon())
	}
}

// publish takes what changed in the route table to the outside and to other areas.
func (e *Engine) publish() (changed int) {
	e.routesDirty = false
	changes := e.table.Changes()
	if e.out.Routes == nil {
		e.out.Routes = changes
	} else {
		e.out.Routes = append(e.out.Routes, changes...)
	}
	for _, a := range e.areas {
		if t := e.table.Transit(a.id); t != a.transit {
			a.transit, e.border.due = t, true // the backbone's ranges count there, or no longer
		}
	}
	e.summarise(changes)
	e.electTranslators(changes)
	return len(changes)
}

func (e *Engine) emit(ev Event) { e.out.Events = append(e.out.Events, ev) }

type alarmKey struct{ kind, subject string }

// maxAlarms bounds the alarms of one kind a minute, however many subjects
// somebody makes up.
const maxAlarms = 16

// mayAlarm tells whether an alarm of this kind and subject is not too soon after the last one.
func (e *Engine) mayAlarm(kind, subject string) bool {
	last, ok := e.alarms[alarmKey{kind, subject}]
	return !ok || e.now.Sub(last) >= time.Minute
}

// alarm reports a condition at most once a minute per kind and subject.
func (e *Engine) alarm(kind, subject, detail string) {
	k := alarmKey{kind, subject}
	if !e.mayAlarm(kind, subject) {
		return
	}
	same := 0
	for o, last := range e.alarms {
		if e.now.Sub(last) >= time.Minute {
			delete(e.alarms, o)
		} else if o.kind == kind {
			same++
		}
	}
	if same >= maxAlarms {
		return
	}
	e.alarms[k] = e.now
	e.emit(Alarm{Kind: kind, Subject: subject, Detail: detail})
}

// area is one attached area.
type area struct {
	e         *Engine
	id        packet.ID
	cfg       Area
	db        *database // types 1 to 4, 7 and 10
	rootDirty bool      // own router-LSA or the root's links may have changed
	root      []spf.RootLink
	transit   bool  // TransitCapability (RFC 2328 6)
	announced bool  // the router-LSA has been originated
	first     timer // next look at whether it may be

	summaries linkStateIDs           // of our summary-LSAs
	asbrs     map[packet.ID]struct{} // routers that we originate ASBR-summary-LSAs for
	nssa      nssa
}

// settleRoots brings our LSAs and the roots of the trees in line with the
// interfaces. It looks at all of them, so that adjacencies which change together cost
// it once.
func (e *Engine) settleRoots() {
	for _, a := range e.areas {
		if a.rootDirty {
			a.rootDirty = false
			a.originateRouter()
			a.originateInfo()
		}
	}
	e.originateInfoAS()
}

// interfaces lists the area's interfaces by name.
func (a *area) interfaces() []*iface {
	var list []*iface
	for _, i := range a.e.ifaces {
		if i.area == a {
			list = append(list, i)
		}
	}
	return list
}

func (e *Engine) area(id packet.ID) *area {
	for _, a := range e.areas {
		if a.id == id {
			return a
		}
	}
	return nil
}

func (e *Engine) iface(name string) *iface {
	n, ok := slices.BinarySearchFunc(e.ifaces, name, func(i *iface, name string) int {
		return strings.Compare(i.name, name)
	})
	if !ok {
		return nil
	}
	return e.ifaces[n]
}

// database is the link state database of one flooding scope: an area, the AS,
// or a link.
type database struct {
	*lsdb.DB
	area  *area  // nil for the AS database
	iface *iface // set for a link database only
	aging timer

	doNotAge doNotAge
	stored   storedCheck

	missed    missedList
	refused   uint64    // LSAs that there was no room for
	refusedAt time.Time // the last one
}

func (e *Engine) newDatabase(a *area, i *iface) *database {
	d := &database{DB: lsdb.New(), area: a, iface: i}
	d.aging.fire = func() { e.expire(d) }
	d.doNotAge.timer.fire = func() { e.checkDoNotAge(d) }
	d.stored.timer.fire = func() { e.checkStored(d) }
	return d
}

// String names the flooding scope.
func (d *database) String() string {
	switch {
	case d.iface != nil:
		return "link " + d.iface.name
	case d.area != nil:
		return "area " + d.area.id.String()
	}
	return "AS"
}

// areaID is the area to which SPF attributes the database's LSAs.
func (d *database) areaID() packet.ID {
	if d.area == nil {
		return 0
	}
	return d.area.id
}

// scope lists the interfaces that LSAs of the database are flooded out of
// (RFC 2328 13.3, RFC 5250 3).
func (e *Engine) scope(d *database) []*iface {
	switch {
	case d.iface != nil:
		return []*iface{d.iface}
	case d.area != nil:
		return d.area.interfaces()
	}
	closed := func(i *iface) bool { return i.database(packet.LSExternal) == nil }
	if slices.ContainsFunc(e.ifaces, closed) {
		return slices.DeleteFunc(slices.Clone(e.ifaces), closed)
	}
	return e.ifaces
}

// database is where LSAs of the type that cross this interface live; nil for
// types that the area does not carry.
func (i *iface) database(t packet.LSType) *database {
	switch t {
	case packet.LSRouter, packet.LSNetwork, packet.LSSummary, packet.LSOpaqueArea:
		return i.area.db
	case packet.LSASBRSummary: // erratum 3746: not in stub areas
		if i.area.external() {
			return i.area.db
		}
	case packet.LSExternal, packet.LSOpaqueAS: // 15: never over virtual links
		if i.area.external() && i.virtual == nil {
			return i.e.as
		}
	case packet.LSNSSA:
		if i.area.cfg.Type == AreaNSSA {
			return i.area.db
		}
	case packet.LSOpaqueLink:
		return i.db
	}
	return nil
}
