package firewall

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/userdata"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// races is how often a transaction is computed again because somebody else
// changed the ruleset in the meantime.
const races = 20

// Firewall is the table `inet ecmpd` of one network namespace. Its methods are
// for one goroutine, except Watch, which may run beside them.
type Firewall struct {
	nft     *nftables.Conn
	port    uint32 // the netlink port our transactions come from
	monitor *netlink.Conn
	reader  *netlink.Conn

	wanted  Ruleset
	adopted *table // what an earlier run left, until Sweep

	have  table  // what the kernel held in generation gen
	gen   uint32 // valid when known
	known bool

	inserted insertion // rules in other tables
}

// Open connects to the nftables of the calling thread's network namespace and
// reads what an earlier run left. It fails when the kernel has no nf_tables or
// the process may not use it; routing does not depend on it.
func Open() (*Firewall, error) {
	f, err := open()
	if err != nil {
		return nil, fmt.Errorf("nftables is not available (kernel without nf_tables, or no CAP_NET_ADMIN): %w", err)
	}
	return f, nil
}

func open() (f *Firewall, err error) {
	f = &Firewall{}
	defer func() {
		if err != nil {
			err = errors.Join(err, f.Close())
		}
	}()
	if f.nft, err = nftables.New(nftables.AsLasting()); err != nil {
		return f, err
	}
	if f.port, err = f.nft.GetPortID(); err != nil {
		return f, err
	}
	if f.monitor, err = dialMonitor(); err != nil {
		return f, err
	}
	if f.reader, err = netlink.Dial(unix.NETLINK_NETFILTER, nil); err != nil {
		return f, err
	}
	if err = f.observe(); err != nil {
		return f, err
	}
	adopted := f.have
	f.adopted = &adopted
	return f, nil
}

// Close closes the sockets and leaves the table as it is.
func (f *Firewall) Close() error {
	var errs []error
	if f.nft != nil {
		errs = append(errs, f.nft.CloseLasting())
	}
	if f.monitor != nil {
		errs = append(errs, f.monitor.Close())
	}
	if f.reader != nil {
		errs = append(errs, f.reader.Close())
	}
	return errors.Join(errs...)
}

// Apply makes the table say r. Until Sweep, transit prefixes and interfaces that
// an earlier run left stay in their sets.
func (f *Firewall) Apply(r Ruleset) (Report, error) {
	f.wanted = r
	return f.Reconcile()
}

// Sweep removes what an earlier run left and is not wanted; call it once the
// routes have converged. Reconcile and Apply keep it so.
func (f *Firewall) Sweep() (Report, error) {
	f.adopted = nil
	return f.Reconcile()
}

// Reconcile compares the table with what was last given to Apply and writes the
// difference in one transaction. With nothing to write, nothing is sent.
func (f *Firewall) Reconcile() (Report, error) {
	want := f.target()
	for range races {
		if err := f.refresh(); err != nil {
			return Report{}, err
		}
		c := diff(f.have, want)
		if c.empty() {
			return Report{}, nil
		}
		switch err := f.commit(c, want); {
		case err == nil:
			return c.report(), nil
		case !errors.Is(err, unix.ERESTART):
			return Report{}, fmt.Errorf("write table inet %s: %w", tableName, err)
		}
	}
	return Report{}, fmt.Errorf("write table inet %s: the ruleset changed %d times meanwhile; another program rewrites nftables without pause", tableName, races)
}

// InSync reads the kernel and reports whether the table is exactly as wanted.
func (f *Firewall) InSync() (bool, error) {
	if err := f.refresh(); err != nil {
		return false, err
	}
	return diff(f.have, f.target()).empty(), nil
}

// Remove deletes the table, and our rules in other tables. It is no error when
// there are none.
func (f *Firewall) Remove() error {
	_, err := f.Insert(nil)
	return errors.Join(err, f.removeTable())
}

func (f *Firewall) removeTable() error {
	f.adopted = nil
	for range races {
		if err := f.refresh(); err != nil {
			return err
		}
		if !f.have.exists {
			return nil
		}
		f.nft.DelTable(f.table())
		err := f.flush(table{})
		if !errors.Is(err, unix.ERESTART) {
			return err
		}
	}
	return fmt.Errorf("delete table inet %s: the ruleset changed %d times meanwhile", tableName, races)
}

// Counters reads the rules' counters; they are zero without a table.
func (f *Firewall) Counters() (Counters, error) {
	t := table{chains: map[string]chain{}}
	if err := f.readChains(&t); err != nil {
		return Counters{}, fmt.Errorf("read the counters of table inet %s: %w", tableName, err)
	}
	packets := func(chain string) (n uint64) {
		for _, r := range t.chains[chain].rules {
			n += r.packets()
		}
		return n
	}
	return Counters{packets(chainStrays) + packets(chainPrerouting), packets(chainOutput), packets(chainForward)}, nil
}

// target is the wanted table with what is still adopted.
func (f *Firewall) target() table {
	want := wantedTable(f.wanted)
	if f.adopted == nil || f.wanted.Scope == None {
		return want
	}
	if s := want.sets[setTransit]; len(f.adopted.sets[setTransit].elements) > 0 {
		s.elements = unionPrefixes(f.adopted.sets[setTransit].elements, s.elements)
		want.sets[setTransit] = s
	}
	s := want.sets[setInterfaces]
	names := slices.Clone(f.wanted.Interfaces)
	for _, e := range f.adopted.sets[setInterfaces].elements {
		names = append(names, elementName(e))
	}
	s.elements = nameElements(names)
	want.sets[setInterfaces] = s
	return want
}

// refresh reads the table unless nothing has changed since it was last known.
func (f *Firewall) refresh() error {
	if f.known {
		gen, err := f.nft.GetGen()
		if err != nil {
			return fmt.Errorf("read the ruleset's generation: %w", err)
		}
		if gen.ID == f.gen {
			return nil
		}
	}
	return f.observe()
}

// observe reads the table, again when it changed while it was read.
func (f *Firewall) observe() error {
	f.known = false
	var last error
	for range races {
		before, err := f.nft.GetGen()
		if err != nil {
			return fmt.Errorf("read the ruleset's generation: %w", err)
		}
		have, readErr := f.readTable()
		after, err := f.nft.GetGen()
		if err != nil {
			return fmt.Errorf("read the ruleset's generation: %w", err)
		}
		if before.ID == after.ID && readErr == nil {
			f.have, f.gen, f.known = have, after.ID, true
			return nil
		}
		last = readErr
		if readErr != nil && before.ID == after.ID && !errors.Is(readErr, unix.EINTR) {
			break
		}
	}
	if last == nil {
		last = errors.New("it changes while it is read")
	}
	return fmt.Errorf("read table inet %s: %w", tableName, last)
}

func (f *Firewall) readTable() (table, error) {
	t := table{chains: map[string]chain{}, sets: map[string]set{}}
	tables, err := f.nft.ListTablesOfFamily(nftables.TableFamilyINet)
	if err != nil {
		return t, err
	}
	for _, k := range tables {
		if k.Name == tableName && k.Family == nftables.TableFamilyINet {
			t.exists, t.flags = true, k.Flags
		}
	}
	if !t.exists {
		return t, nil
	}
	if err := f.readChains(&t); err != nil {
		return t, err
	}
	sets, err := f.nft.GetSets(f.table())
	if err != nil {
		return t, err
	}
	for _, k := range sets {
		s := set{key: k.KeyType.GetNFTMagic(), interval: k.Interval, dynamic: k.Dynamic, size: k.Size, timeout: k.Timeout}
		if s.dynamic {
			t.sets[k.Name] = s
			continue
		}
		raw, err := f.nft.GetSetElements(k)
		if err != nil {
			return t, fmt.Errorf("set %s: %w", k.Name, err)
		}
		s.elements, err = decodeElements(raw, k.Interval)
		s.broken = err != nil
		t.sets[k.Name] = s
	}
	return t, nil
}

func (f *Firewall) readChains(t *table) error {
	chains, err := f.nft.ListChainsOfTableFamily(nftables.TableFamilyINet)
	if err != nil {
		return err
	}
	for _, k := range chains {
		if k.Table == nil || k.Table.Name != tableName {
			continue
		}
		c := chain{base: base{kind: k.Type, policy: nftables.ChainPolicyAccept}}
		if k.Hooknum != nil && k.Priority != nil {
			c.base.hook, c.base.priority = *k.Hooknum, *k.Priority
		}
		if k.Policy != nil {
			c.base.policy = *k.Policy
		}
		rules, err := f.nft.GetRules(f.table(), k)
		if err != nil {
			return fmt.Errorf("chain %s: %w", k.Name, err)
		}
		for _, r := range rules {
			comment, _ := userdata.GetString(r.UserData, userdata.TypeComment)
			c.rules = append(c.rules, rule{comment, r.Exprs})
		}
		t.chains[k.Name] = c
	}
	return nil
}

// commit writes c in one transaction that holds only in the generation that c
// was computed for. The table is want afterwards.
func (f *Firewall) commit(c change, want table) error {
	if c.rebuild {
		f.queueRebuild(want)
		return f.flush(want)
	}
	f.queueSets(c.begin.sets, want)
	f.queueChains(c.begin.chains, want)
	for _, name := range slices.Concat(c.chains, c.end.chains) {
		if !slices.Contains(c.begin.chains, name) {
			f.nft.FlushChain(&nftables.Chain{Name: name, Table: f.table()})
		}
	}
	for _, name := range c.chains {
		f.queueRules(&nftables.Chain{Name: name, Table: f.table()}, want.chains[name].rules)
	}
	// An interval may only be added when those that it overlaps are gone.
	for _, name := range slices.Sorted(maps.Keys(c.del)) {
		if err := f.nft.SetDeleteElements(f.set(name, want), encodeElements(c.del[name], want.sets[name].interval)); err != nil {
			return err
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.add)) {
		if err := f.nft.SetAddElements(f.set(name, want), encodeElements(c.add[name], want.sets[name].interval)); err != nil {
			return err
		}
	}
	for _, name := range c.end.chains { // no rule leads there any more
		f.nft.DelChain(&nftables.Chain{Name: name, Table: f.table()})
	}
	for _, name := range c.end.sets {
		f.nft.DelSet(&nftables.Set{Name: name, Table: f.table()})
	}
	return f.flush(want)
}

func (f *Firewall) queueRebuild(want table) {
	t := f.table()
	if f.have.exists {
		f.nft.DelTable(t)
	}
	f.nft.AddTable(t)
	f.queueSets(slices.Sorted(maps.Keys(want.sets)), want)
	names := slices.Sorted(maps.Keys(want.chains))
	f.queueChains(names, want)
	for _, name := range names { // rules may jump to any chain
		f.queueRules(&nftables.Chain{Name: name, Table: t}, want.chains[name].rules)
	}
}

func (f *Firewall) queueSets(names []string, want table) {
	for _, name := range names {
		// The library keeps the error of a set for the flush.
		_ = f.nft.AddSet(f.set(name, want), encodeElements(want.sets[name].elements, want.sets[name].interval))
	}
}

func (f *Firewall) queueChains(names []string, want table) {
	for _, name := range names {
		k := &nftables.Chain{Name: name, Table: f.table()}
		if b := want.chains[name].base; b.kind != "" {
			k.Type, k.Hooknum, k.Priority, k.Policy = b.kind, &b.hook, &b.priority, &b.policy
		}
		f.nft.AddChain(k)
	}
}

func (f *Firewall) queueRules(k *nftables.Chain, rules []rule) {
	for _, r := range rules {
		f.nft.AddRule(&nftables.Rule{Table: k.Table, Chain: k, Exprs: r.exprs, UserData: r.userData()})
	}
}

// flush sends the transaction and remembers its outcome.
func (f *Firewall) flush(outcome table) error {
	f.known = false
	others := f.inserted.known && f.inserted.gen == f.gen // are as Insert saw them
	if err := f.nft.FlushWithGenID(f.gen); err != nil {
		return err
	}
	f.gen++
	if f.gen == 0 { // the kernel skips 0
		f.gen++
	}
	f.have, f.known = outcome, true
	if others {
		f.inserted.gen = f.gen
	}
	return nil
}

func (f *Firewall) table() *nftables.Table {
	return &nftables.Table{Name: tableName, Family: nftables.TableFamilyINet}
}

func (f *Firewall) set(name string, want table) *nftables.Set {
	w := want.sets[name]
	s := &nftables.Set{Table: f.table(), Name: name, KeyType: nftables.TypeIPAddr, Interval: w.interval}
	switch w.key {
	case flowKey.GetNFTMagic():
		s.KeyType, s.Concatenation = flowKey, true
		s.Dynamic, s.Size, s.HasTimeout, s.Timeout = true, w.size, true, w.timeout
	case nftables.TypeInetService.GetNFTMagic():
		s.KeyType = nftables.TypeInetService
	case nftables.TypeIFName.GetNFTMagic():
		s.KeyType, s.KeyByteOrder = nftables.TypeIFName, binaryutil.NativeEndian // or nft lists empty names
	case nftables.TypeMark.GetNFTMagic():
		s.KeyType, s.KeyByteOrder = nftables.TypeMark, binaryutil.NativeEndian
	case nftables.TypeICMPType.GetNFTMagic():
		s.KeyType = nftables.TypeICMPType
	}
	return s
}
