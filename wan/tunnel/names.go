package tunnel

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"
)

const (
	nameTimeout = 2 * time.Second  // of one look-up
	nameRefresh = time.Minute      // after an answer
	nameRetry   = 15 * time.Second // after none
	maxNames    = 64               // that are looked up
	nameMemory  = time.Hour        // a name that nobody asks for is forgotten
)

// Names knows the addresses of names, of the machine's own resolver. What was found stays while the resolver does not
// answer, for it may be reached through the very tunnel that is down. The zero Names is ready; several goroutines may use it.
type Names struct {
	mu     sync.Mutex
	known  map[string]*name
	lookup func(ctx context.Context, name string) ([]netip.Addr, error) // nil: the machine's
}

// name is what is known of one.
type name struct {
	list       []netip.Addr
	err        error
	due, asked time.Time
}

// addresses returns the IPv4 addresses of names as far as they are known by now; those that are due are looked up
// at the same time, and waited for no longer than [nameTimeout].
func (n *Names) addresses(ctx context.Context, now time.Time, names []string) (list []netip.Addr, failed map[string]error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.remember(now, names)
	ctx, cancel := context.WithTimeout(ctx, nameTimeout)
	defer cancel()
	var look sync.WaitGroup
	for _, text := range names {
		if k := n.known[text]; k != nil && !now.Before(k.due) {
			k.due = now.Add(nameRefresh)
			look.Go(func() { k.ask(ctx, now, text, n.lookup) })
		}
	}
	look.Wait()
	failed = make(map[string]error)
	for _, text := range names {
		switch k := n.known[text]; {
		case k == nil:
			failed[text] = errors.New("there are too many names")
		case len(k.list) == 0:
			failed[text] = k.err
		default:
			list = append(list, k.list...)
		}
	}
	return list, failed
}

// remember makes room for new names.
func (n *Names) remember(now time.Time, names []string) {
	if n.known == nil {
		n.known = make(map[string]*name)
	}
	for text, k := range n.known {
		if now.Sub(k.asked) > nameMemory {
			delete(n.known, text)
		}
	}
	for _, text := range names {
		if n.known[text] == nil && len(n.known) < maxNames {
			n.known[text] = &name{due: now}
		}
		if k := n.known[text]; k != nil {
			k.asked = now
		}
	}
}

// ask looks the name up; without an answer what was known stays.
func (k *name) ask(ctx context.Context, now time.Time, text string, lookup func(context.Context, string) ([]netip.Addr, error)) {
	if lookup == nil {
		lookup = func(ctx context.Context, text string) ([]netip.Addr, error) {
			return net.DefaultResolver.LookupNetIP(ctx, "ip4", text)
		}
	}
	list, err := lookup(ctx, text)
	if err == nil && len(list) == 0 {
		err = errors.New("it has no IPv4 address")
	}
	if k.err = err; err != nil {
		k.due = now.Add(nameRetry)
		return
	}
	slices.SortFunc(list, netip.Addr.Compare)
	k.list = list
}
