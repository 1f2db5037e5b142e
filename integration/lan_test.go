package integration

import (
	"context"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/ecmpd/ecmpd/integration/clab"
	"github.com/ecmpd/ecmpd/lab/peer"
)

// lanSeat is a make and its priority in the election.
type lanSeat struct {
	make     string
	priority int
}

// election is a LAN whose router i (from 1) is node r<i> with router id
// 10.255.0.i, address 10.1.0.i and a network 172.16.i.0/24 behind it.
type election struct {
	*network
	seats []lanSeat
	alive []int
}

// newElection edits ports of the LAN if need be, starts the routers while the switch's ports are down and then
// raises all ports at once, so that all wait timers run together.
func newElection(t *testing.T, seats []lanSeat, edit ...func(i int, p *port)) *election {
	t.Helper()
	n := newNetwork(t)
	var ends []string
	for i := range seats {
		ends = append(ends, fmt.Sprintf("r%d:eth0 10.1.0.%d/24", i+1, i+1))
	}
	n.lan("lan", ends...)
	e := &election{network: n, seats: seats}
	for i, s := range seats {
		i++
		n.must(n.Node("lan").SetLink(fmt.Sprintf("port%d", i), false))
		n.wire(fmt.Sprintf("r%d:net 172.16.%d.1/24", i, i), fmt.Sprintf("host%d:eth0", i))
		p := port{name: "eth0", lan: true, priority: s.priority}
		for _, f := range edit {
			f(i, &p)
		}
		n.seat(s.make, fmt.Sprintf("r%d", i), seat{id: fmt.Sprintf("10.255.0.%d", i), ports: []port{p, {name: "net", passive: true}}})
		e.alive = append(e.alive, i)
	}
	for _, i := range e.alive {
		e.carrier(i, true)
	}
	return e
}

func (e *election) carrier(i int, up bool) {
	e.t.Helper()
	e.must(e.Node("lan").SetLink(fmt.Sprintf("port%d", i), up))
}

func (e *election) router(i int) peer.Router { return e.routers[fmt.Sprintf("r%d", i)] }

// best is the router that wins among the candidates (RFC 2328 9.4), 0 for
// none.
func (e *election) best(candidates []int) int {
	best := 0
	for _, i := range candidates {
		if p := e.seats[i-1].priority; p > 0 && (best == 0 || p >= e.seats[best-1].priority) {
			best = i // a later router has the larger id
		}
	}
	return best
}

// without leaves one router out of the living.
func (e *election) without(i int) []int {
	return slices.DeleteFunc(slices.Clone(e.alive), func(j int) bool { return j == i })
}

// agree waits until the living routers all see the same DR and Backup and name them
// in their hellos (FRR 8.4 says for a while that it is DR and that there is no Backup, and who
// comes to the LAN then may become it), hold the adjacencies that follow and the right routes.
func (e *election) agree(dr, bdr int) {
	e.t.Helper()
	role := func(i int) string {
		switch i {
		case dr:
			return "DR"
		case bdr:
			return "Backup"
		}
		return "DROther"
	}
	for _, i := range e.alive {
		var want []string
		for _, j := range e.without(i) {
			state := "Full"
			if role(i) == "DROther" && role(j) == "DROther" {
				state = "2-Way"
			}
			named := ""
			if _, ok := e.router(i).(*peer.Ecmpd); ok { // the others do not show it
				named = fmt.Sprintf(" names 10.1.0.%d and 10.1.0.%d", dr, bdr)
			}
			want = append(want, fmt.Sprintf("10.255.0.%d %s/%s%s", j, state, role(j), named))
		}
		waitEqual(e.network, fmt.Sprintf("r%d's neighbours, r%d being DR and r%d Backup", i, dr, bdr), want, func() ([]string, error) {
			list, err := e.router(i).Neighbors(e.ctx)
			var got []string
			for _, n := range list {
				named := ""
				if n.DR.IsValid() {
					named = fmt.Sprintf(" names %s and %s", n.DR, n.BDR)
				}
				got = append(got, fmt.Sprintf("%s %s/%s%s", n.RouterID, n.State, n.Role, named))
			}
			return got, err
		})
	}
	e.reachable()
}

// reachable waits for one route on every living router to the network of each
// other one, straight over the LAN.
func (e *election) reachable() {
	e.t.Helper()
	for _, i := range e.alive {
		want := table{}
		for _, j := range e.without(i) {
			want[netip.MustParsePrefix(fmt.Sprintf("172.16.%d.0/24", j))] = []string{fmt.Sprintf("10.1.0.%d dev eth0", j)}
		}
		e.waitKernel(fmt.Sprintf("r%d", i), "172.16.0.0/16", want)
	}
}

// sameDatabase waits until the living agree on every LSA; networkOf are the
// routers whose network-LSA of the LAN there is, by their addresses.
func (e *election) sameDatabase(networkOf ...int) {
	e.t.Helper()
	var names []string
	for _, i := range e.alive {
		names = append(names, fmt.Sprintf("r%d", i))
	}
	var want []string
	for _, i := range networkOf {
		want = append(want, fmt.Sprintf("10.1.0.%d by 10.255.0.%d", i, i))
	}
	slices.Sort(want)
	waitEqual(e.network, "network-LSAs", want, func() ([]string, error) {
		var got []string
		for _, lsa := range e.waitSame(names...) {
			if lsa.Type == 2 {
				got = append(got, fmt.Sprintf("%s by %s", lsa.ID, lsa.AdvertisingRouter))
			}
		}
		slices.Sort(got)
		return got, nil
	})
}

// TestLAN elects DR and Backup among five routers of three makes, takes the DR
// away and brings it back.
func TestLAN(t *testing.T) {
	for name, c := range map[string]struct {
		seats   []lanSeat
		carrier bool // the DR loses its link; otherwise its process is killed
	}{
		"ecmpd is DR and crashes":        {[]lanSeat{{"ecmpd", 20}, {"frr", 10}, {"bird", 5}, {"ecmpd", 1}, {"frr", 0}}, false},
		"ecmpd is DR and loses its link": {[]lanSeat{{"frr", 1}, {"ecmpd", 20}, {"bird", 5}, {"ecmpd", 10}, {"frr", 1}}, true},
		"ecmpd is Backup":                {[]lanSeat{{"frr", 20}, {"ecmpd", 10}, {"ecmpd", 5}, {"bird", 1}, {"frr", 0}}, false},
		"ecmpd is DROther":               {[]lanSeat{{"bird", 20}, {"frr", 10}, {"ecmpd", 1}, {"frr", 1}, {"ecmpd", 1}}, false},
		"ecmpd never is either":          {[]lanSeat{{"ecmpd", 0}, {"bird", 10}, {"frr", 20}, {"frr", 1}, {"ecmpd", 0}}, true},
	} {
		t.Run(strings.ReplaceAll(name, " ", "-"), func(t *testing.T) {
			t.Parallel()
			e := newElection(t, c.seats)
			dr := e.best(e.alive)
			bdr := e.best(e.without(dr))
			e.agree(dr, bdr)
			e.sameDatabase(dr)

			// RFC 2328 9.4: the Backup takes over, and a new Backup is
			// elected. What the dead DR originated stays, for nobody
			// else may flush it.
			if c.carrier {
				e.carrier(dr, false)
			} else {
				e.router(dr).Kill()
			}
			dead, everyone := dr, e.alive
			e.alive = e.without(dead)
			newDR := bdr
			newBDR := e.best(e.without(newDR))
			e.agree(newDR, newBDR)
			e.sameDatabase(dead, newDR)

			// It comes back as a stranger to the election, whatever its
			// priority, and withdraws its network-LSA (13.4).
			if c.carrier {
				e.carrier(dead, true)
			} else {
				e.must(e.router(dead).Start(e.ctx))
			}
			e.alive = everyone
			e.agree(newDR, newBDR)
			e.sameDatabase(newDR)
		})
	}
}

// TestLANWithoutDR gives nobody the right to be DR: neighbours stay in 2-Way,
// and there is no network-LSA and no route.
func TestLANWithoutDR(t *testing.T) {
	t.Parallel()
	e := newElection(t, []lanSeat{{"ecmpd", 0}, {"frr", 0}, {"ecmpd", 0}, {"bird", 0}})
	for _, i := range e.alive {
		want := map[string]bool{}
		for _, j := range e.without(i) {
			want[fmt.Sprintf("10.255.0.%d 2-Way/DROther", j)] = true
		}
		waitEqual(e.network, fmt.Sprintf("r%d's neighbours", i), want, func() (map[string]bool, error) {
			list, err := e.router(i).Neighbors(e.ctx)
			got := map[string]bool{}
			for _, n := range list {
				got[fmt.Sprintf("%s %s/%s", n.RouterID, n.State, n.Role)] = true
			}
			return got, err
		})
		own := []string{fmt.Sprintf("type 1 of 10.255.0.%d", i)}
		if _, ok := e.router(i).(*peer.Ecmpd); ok { // says how it hashes, too
			own = append(own, fmt.Sprintf("type 10 of 10.255.0.%d", i))
		}
		waitEqual(e.network, fmt.Sprintf("r%d's database", i), own, func() ([]string, error) {
			var got []string
			db, err := e.router(i).Database(e.ctx)
			for _, lsa := range db {
				got = append(got, fmt.Sprintf("type %d of %s", lsa.Type, lsa.AdvertisingRouter))
			}
			return got, err
		})
		routes, err := e.kernel(fmt.Sprintf("r%d", i))
		e.must(err)
		if len(routes) > 0 {
			t.Errorf("r%d routes %v", i, slices.Collect(maps.Keys(routes)))
		}
	}
}

// TestLANFromFile runs the LAN of the topology file, whose routers start one
// after the other: each router's view is the same before and after the DR
// crashes.
func TestLANFromFile(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), testTime)
	defer cancel()
	f, err := clab.Load("labs/lan5.clab.yml")
	if err != nil {
		t.Fatal(err)
	}
	l, err := clab.Build(ctx, f, clab.Options{Tag: tag, Images: clab.Images(binary)})
	if err != nil {
		t.Fatal(err)
	}
	n := &network{Lab: l.Lab, t: t, ctx: ctx, routers: l.Routers}
	t.Cleanup(func() {
		if t.Failed() {
			n.dump()
		}
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	// Whoever was elected first stays, so the file's order decides who it is:
	// ask the one that never is elected.
	elected := func() string {
		var roles string
		n.wait("a DR and a Backup", func() (bool, string) {
			list, err := n.routers["r3"].Neighbors(ctx)
			roles = ""
			for _, nb := range list {
				if nb.Role != "DROther" && nb.State == "Full" {
					roles += fmt.Sprintf("%s %s ", nb.RouterID, nb.Role)
				}
			}
			return err == nil && strings.Contains(roles, "DR") && strings.Contains(roles, "Backup"), fmt.Sprint(list, err)
		})
		return roles
	}
	before := elected()
	n.waitSame("r1", "r2", "r3", "r4", "r5")
	for name, r := range n.routers {
		if id := "10.255.1." + name[1:]; strings.Contains(before, id+" DR ") {
			r.Kill()
			t.Logf("elected: %s, killed %s", before, name)
			waitEqual(n, "the dead DR is replaced", false, func() (bool, error) { return strings.Contains(elected(), id+" "), nil })
		}
	}
	t.Log("elected then: ", elected())
}
