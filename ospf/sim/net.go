package sim

import (
	"container/heap"
	"encoding/binary"
	"fmt"
	"hash"
	"hash/fnv"
	"math/rand/v2"
	"net/netip"
	"time"

	"github.com/ecmpd/ecmpd/ospf"
	"github.com/ecmpd/ecmpd/ospf/packet"
)

// Net is a virtual network. It is not safe for concurrent use.
type Net struct {
	rng      *rand.Rand
	start    time.Time
	now      time.Time
	queue    eventQueue
	order    uint64 // of events at the same instant
	steps    uint64
	log      hash.Hash64
	routers  []*Router
	segments []*Segment
	virtual  []virtualLink
	faults   []string

	areaConfigs map[packet.ID]ospf.Area // see ConfigureArea
}

// New returns an empty network; the seed decides every chance in it.
func New(seed uint64) *Net {
	start := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
	return &Net{rng: rand.New(rand.NewPCG(seed, 0x73696d)), start: start, now: start, log: fnv.New64a(),
		areaConfigs: map[packet.ID]ospf.Area{}}
}

// ConfigureArea says how routers that attach to an area from now on configure it.
func (n *Net) ConfigureArea(a ospf.Area) { n.areaConfigs[a.ID] = a }

// Now is the virtual time.
func (n *Net) Now() time.Time { return n.now }

// Elapsed is the virtual time since the network was made.
func (n *Net) Elapsed() time.Duration { return n.now.Sub(n.start) }

// Steps is the number of inputs that the engines were given.
func (n *Net) Steps() uint64 { return n.steps }

// Hash identifies the run so far: every input and output of every engine with its instant.
func (n *Net) Hash() uint64 { return n.log.Sum64() }

// At runs f at the given time after now.
func (n *Net) At(after time.Duration, f func()) {
	n.order++
	heap.Push(&n.queue, event{at: n.now.Add(after), order: n.order, run: f})
}

// Run lets the given time pass.
func (n *Net) Run(d time.Duration) {
	end := n.now.Add(d)
	for len(n.queue) > 0 && !n.queue[0].at.After(end) {
		e := heap.Pop(&n.queue).(event)
		n.now = e.at
		e.run()
	}
	n.now = end
}

// RunUntil lets time pass until cond holds, asked ten times a second, but no
// longer than limit. It returns whether cond holds.
func (n *Net) RunUntil(cond func() bool, limit time.Duration) bool {
	for end := n.now.Add(limit); ; n.Run(100 * time.Millisecond) {
		if cond() {
			return true
		}
		if !n.now.Before(end) {
			return false
		}
	}
}

// Converge lets time pass until [Net.Check] finds nothing wrong, and returns
// what it finds when the limit is over.
func (n *Net) Converge(limit time.Duration) error {
	var err error
	n.RunUntil(func() bool { err = n.Check(); return err == nil }, limit)
	if err != nil {
		return fmt.Errorf("not converged %v after the start: %w", n.Elapsed(), err)
	}
	return nil
}

// record adds to the run's hash.
func (n *Net) record(what string, parts ...[]byte) {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], uint64(n.Elapsed()))
	n.log.Write(b[:])
	n.log.Write([]byte(what))
	for _, p := range parts {
		n.log.Write(p)
	}
}

const maxFaults = 20

// fault notes something that an engine must never do.
func (n *Net) fault(r *Router, format string, args ...any) {
	if len(n.faults) < maxFaults {
		n.faults = append(n.faults, fmt.Sprintf("%v %s: %s", n.Elapsed(), r.Name, fmt.Sprintf(format, args...)))
	}
}

// chance is true with probability p.
func (n *Net) chance(p float64) bool { return p > 0 && n.rng.Float64() < p }

// network returns the i-th subnet of the given length inside 10.0.0.0/8.
func network(i, bits int) netip.Prefix {
	var b [4]byte
	binary.BigEndian.PutUint32(b[:], 10<<24|uint32(i)<<(32-bits))
	return netip.PrefixFrom(netip.AddrFrom4(b), bits)
}

// event is something that happens at an instant.
type event struct {
	at    time.Time
	order uint64
	run   func()
}

type eventQueue []event

func (q eventQueue) Len() int { return len(q) }
func (q eventQueue) Less(i, j int) bool {
	if !q[i].at.Equal(q[j].at) {
		return q[i].at.Before(q[j].at)
	}
	return q[i].order < q[j].order
}
func (q eventQueue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q *eventQueue) Push(x any)   { *q = append(*q, x.(event)) }
func (q *eventQueue) Pop() any {
	last := len(*q) - 1
	e := (*q)[last]
	(*q)[last] = event{}
	*q = (*q)[:last]
	return e
}
