package daemon

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/ecmpd/ecmpd/api"
	"github.com/ecmpd/ecmpd/config"
	"github.com/ecmpd/ecmpd/link"
	"github.com/ecmpd/ecmpd/ospf"
	"github.com/ecmpd/ecmpd/wan"
	"github.com/ecmpd/ecmpd/wan/probe"
	"github.com/ecmpd/ecmpd/wan/tunnel"
)

// wanFile holds what uplinks must remember, in the state directory.
const wanFile = "wan.json"

// wanWorld is what the route loop knows that uplinks depend on.
type wanWorld struct {
	gateways  map[string]netip.Addr // of the kernel's own default routes, by link
	elsewhere bool                  // there is a default route by something else than uplinks
}

func (wanWorld) replaces(other any) bool { _, ok := other.(wanWorld); return ok }

// disableUplink takes an uplink out of use, or back.
type disableUplink struct {
	name     string
	disabled bool
	found    chan<- bool
}

// wanLoop owns the state of the uplinks and their probers. What is to be done goes to the
// route loop, which writes routes and rules before the firewall loop hears of it.
type wanLoop struct {
	log     *logrus.Logger
	inbox   *mailbox[any]
	order   func(wanOrder)
	states  func(uplinkStates) // for BGP
	healthy func(bool)         // told when the first uplink comes up, or the last goes down
	loosen  func(link string)  // its reverse-path check
	hooks   *hooks
	history func(wan.Event)
	path    string // of wanFile
	machine *wan.Machine
	cfg     wan.Config
	links   *link.Snapshot // nil before the first
	world   wanWorld
	last    *wan.Order // that was given
	kept    map[string]wan.Memory
	dead    map[uint32]bool // marks of uplinks that died, and whose connections are still there
	gone    []deadMarks     // of uplinks that left the configuration
	probers map[string]prober
	asked   peerQuestion // what is looked up
	names   tunnel.Names // of far ends
	peers   []netip.Addr // that were found
	// peersBad is the last warning about them, which is not repeated when the look-up begins anew.
	peersBad string
	// stopAsking ends the look-up; nil while there is none.
	stopAsking context.CancelFunc
}

// prober is one that runs.
type prober struct {
	job  probe.Job
	stop context.CancelFunc
}

func (d *daemon) newWANLoop(cfg *config.Config) *wanLoop {
	w := &wanLoop{
		log: d.log, inbox: newMailbox[any](), loosen: d.loosenReversePath,
		order:   func(o wanOrder) { d.routes.inbox.put(o) },
		states:  func(s uplinkStates) { d.bgp.inbox.put(s) },
		healthy: d.onHealthy,
		path:    filepath.Join(d.options.StateDir, wanFile),
		dead:    map[uint32]bool{}, probers: map[string]prober{},
	}
	w.hooks, w.history = newHooks(d.log), d.rememberUplink
	memory := w.recall()
	w.kept = memory.Uplinks
	if mark := cfg.WAN.Mark; memory.Mark.Mask != 0 && memory.Mark != mark {
		w.gone, w.kept = []deadMarks{memory.marks()}, nil
		d.log.Warn("wan.mark is not that of the last run: its connections over uplinks begin anew")
	}
	w.machine = wan.New(w.kept)
	d.healthy.Store(len(cfg.WAN.Uplinks) > 0) // until it is known better
	w.inbox.put(newConfig{cfg})
	return w
}

// wanMemory is what wanFile holds.
type wanMemory struct {
	Mark    wan.Mark              `json:"mark"`
	Uplinks map[string]wan.Memory `json:"uplinks"`
}

// marks are those of its connections.
func (m wanMemory) marks() deadMarks {
	dead := deadMarks{mask: m.Mark.Mask, marks: []uint32{m.Mark.Routed()}}
	for _, name := range slices.Sorted(maps.Keys(m.Uplinks)) {
		dead.marks = append(dead.marks, m.Mark.Of(m.Uplinks[name].ID)&m.Mark.Mask)
	}
	return dead
}

// recall reads what the last run knew. Without it uplinks get new marks, and connections that
// are open go where their old ones lead.
func (w *wanLoop) recall() (kept wanMemory) {
	data, err := os.ReadFile(w.path)
	if err == nil {
		err = json.Unmarshal(data, &kept)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		w.log.WithError(err).Warnf("%s is lost: connections over uplinks may move", w.path)
	}
	return kept
}

// run is the loop.
func (w *wanLoop) run(ctx context.Context) error {
	defer w.stopProbers()
	go w.hooks.run(ctx)
	for {
		batch := w.inbox.take(ctx)
		if batch == nil {
			return nil
		}
		for _, m := range batch {
			w.apply(time.Now(), m)
		}
		if w.links == nil {
			continue
		}
		w.findPeers(ctx)
		w.give()
		w.probe(ctx)
	}
}

func (w *wanLoop) apply(now time.Time, m any) {
	switch m := m.(type) {
	case newConfig:
		mark := w.cfg.Mark
		if mark.Mask == 0 { // the first one, or there were no uplinks
			mark = m.config.WAN.Mark
		}
		w.cfg = m.config.WAN
		gone, events := w.machine.Configure(now, w.cfg)
		for _, id := range gone {
			w.gone = append(w.gone, deadMarks{mask: mark.Mask, marks: []uint32{mark.Of(id)}})
		}
		w.note(events)
	case linkSnapshot:
		w.links = &m.links
		w.note(w.machine.SetLinks(now, w.wanLinks()))
		w.takePeers(wanPeers{list: w.peers})
	case wanPeers:
		w.takePeers(m)
	case wanWorld:
		w.world = m
		if w.links != nil {
			w.note(w.machine.SetLinks(now, w.wanLinks()))
		}
	case wan.Round:
		w.note(w.machine.Take(now, m))
	case disableUplink:
		events, found := w.machine.Disable(now, m.name, m.disabled)
		m.found <- found
		w.note(events)
	case query:
		m.f()
	}
}

// note tells people what changed, and remembers the dead.
func (w *wanLoop) note(events []wan.Event) {
	for _, e := range events {
		entry := w.log.WithFields(logrus.Fields{"uplink": e.Name, "reason": e.Reason})
		if e.Up {
			entry.Info("uplink is up")
		} else {
			entry.Warn("uplink is down")
		}
		w.history(e)
		w.hooks.tell(w.cfg.OnChange, e)
	}
}

// give hands the order on when it is another one.
func (w *wanLoop) give() {
	o := w.machine.Order(w.world.elsewhere)
	if kept := w.machine.Remember(); !maps.Equal(kept, w.kept) {
		w.kept = kept
		if err := replaceFile(w.path, wanMemory{w.cfg.Mark, kept}); err != nil {
			w.log.WithError(err).Warn("the marks of uplinks are not kept: after a restart connections may move")
		}
	}
	if w.last != nil && reflect.DeepEqual(*w.last, o) && len(w.gone) == 0 {
		return
	}
	for _, way := range o.Ways {
		if way.At.Attached() {
			w.loosen(way.At.Interface)
		}
	}
	if w.last == nil || w.last.Healthy != o.Healthy {
		w.healthy(o.Healthy)
	}
	dead := w.gone
	if marks := w.buried(o); len(marks) > 0 {
		dead = append(dead, deadMarks{mask: w.cfg.Mark.Mask, marks: marks})
	}
	w.states(uplinksUp(o))
	w.order(wanOrder{order: o, dead: dead})
	w.last, w.gone = &o, nil
}

// buried are the marks whose connections must go: of uplinks that died since the last order. While no
// uplink is up there is nowhere else to go, and the dead wait.
func (w *wanLoop) buried(o wan.Order) (marks []uint32) {
	for _, way := range o.Ways {
		mark := w.cfg.Mark.Of(way.ID)
		died := w.last == nil || slices.ContainsFunc(w.last.Ways, func(was wan.Way) bool { return was.ID == way.ID && was.Up })
		switch {
		case way.Up:
			delete(w.dead, mark)
		case died && !way.Disabled:
			w.dead[mark] = true
		}
	}
	if !o.Healthy {
		return nil
	}
	// What went by another default route meanwhile has no NAT, and would leave by an uplink as it is.
	if w.last != nil && !carries(*w.last) && w.cfg.Balance != wan.ByRoute {
		marks = append(marks, w.cfg.Mark.Routed())
	}
	if w.cfg.Flush {
		marks = append(marks, slices.Sorted(maps.Keys(w.dead))...)
		clear(w.dead)
	}
	return marks
}

// wanLinks are the links in the machine's words.
func (w *wanLoop) wanLinks() []wan.Link {
	var out []wan.Link
	for _, l := range w.links.Links {
		if l.Loopback || !w.cfg.Owns(l.Name) {
			continue
		}
		k := wan.Link{Name: l.Name, Up: l.Up, ARP: l.ARP, Default: w.world.gateways[l.Name]}
		for _, secondary := range []bool{false, true} {
			for _, a := range l.Addrs {
				switch {
				case a.Secondary != secondary:
				case a.Peer.IsValid():
					k.Networks = append(k.Networks, netip.PrefixFrom(a.Addr.Addr(), 32))
				default:
					k.Networks = append(k.Networks, a.Addr)
				}
			}
		}
		out = append(out, k)
	}
	return out
}

// probe keeps one prober for each uplink that has a way out.
func (w *wanLoop) probe(ctx context.Context) {
	wanted := make(map[string]probe.Job)
	for _, way := range w.last.Ways {
		if way.At.Attached() {
			wanted[way.Name] = probe.Job{
				Name: way.Name, Check: way.Check,
				Path: probe.Path{Attachment: way.At, Mark: w.cfg.Mark.Of(way.ID)},
			}
		}
	}
	for name, p := range w.probers {
		if job, ok := wanted[name]; !ok || !reflect.DeepEqual(job, p.job) {
			p.stop()
			delete(w.probers, name)
		}
	}
	for name, job := range wanted {
		if _, ok := w.probers[name]; ok {
			continue
		}
		inner, stop := context.WithCancel(ctx)
		w.probers[name] = prober{job, stop}
		go probe.Run(inner, job, func(r wan.Round) { w.inbox.put(r) })
	}
}

func (w *wanLoop) stopProbers() {
	for _, p := range w.probers {
		p.stop()
	}
}

// onHealthy has the default route announced, or no longer.
func (d *daemon) onHealthy(healthy bool) {
	d.healthy.Store(healthy)
	if cfg := d.currentConfig(); cfg.WANDefault.Enabled {
		d.speaker.Post(d.ospfConfig(cfg))
	}
}

// wanDefault makes the default route that is announced follow the uplinks.
func (d *daemon) wanDefault(cfg *config.Config, o *ospf.DefaultOriginate) {
	switch w := cfg.WANDefault; {
	case !w.Enabled:
	case d.healthy.Load():
		o.When = ospf.DefaultAlways
	case w.DownMetric > 0:
		o.When, o.Metric = ospf.DefaultAlways, w.DownMetric
	}
}

// rememberUplink puts a change among what happened lately, which the OSPF loop owns and nobody waits for.
func (d *daemon) rememberUplink(e wan.Event) {
	from, to := "up", "down"
	if e.Up {
		from, to = to, from
	}
	go d.speaker.Do(func(now time.Time) { // after the end of the loop there is nobody to tell
		d.history.events.add(api.Event{Time: now.Format(api.TimeFormat), Kind: "uplink", Interface: e.Name, From: from, To: to, Reason: e.Reason})
	})
}
