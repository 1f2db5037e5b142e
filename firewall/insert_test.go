package firewall

import (
	"strings"
	"testing"

	"github.com/google/nftables"
)

// head is the first rule of a chain as the operator sees it.
func (s space) head(t *testing.T, chain string) string {
	t.Helper()
	lines := strings.Split(s.exec(t, append([]string{"nft", "list", "chain"}, strings.Fields(chain)...)...), "\n")
	for i, l := range lines {
		if strings.Contains(l, "type filter hook") && i+1 < len(lines) {
			return strings.TrimSpace(lines[i+1])
		}
	}
	return ""
}

const accepts = `comment "ecmpd: untracked transit"`

func insert(t *testing.T, n hubNet, written, missing int, chains ...Chain) {
	t.Helper()
	var done Insertion
	if err := n.hub.do(func() (err error) { done, err = n.f.Insert(chains); return err }); err != nil {
		t.Fatal(err)
	}
	if done.Written != written || len(done.Missing) != missing {
		t.Errorf("%+v, want %d written, %d missing", done, written, missing)
	}
}

// The accept is first in the chains that are named, comes back when it was
// removed, moved or doubled, and leaves with its name and with Remove.
func TestInsert(t *testing.T) {
	n := newHub(t, "insert")
	n.b.serve(t, "10.10.2.1:7000")
	passes := func(want bool) bool { return n.a.passes(want, "tcp4", "10.10.1.1", "10.10.2.1:7000") }
	n.hub.nft(t, "table inet site {\n chain through { type filter hook forward priority 0; policy drop; ct state established accept; }\n chain other { type filter hook forward priority 1; policy accept; }\n}\n")
	n.hub.exec(t, "iptables-nft", "-P", "FORWARD", "DROP")
	n.hub.exec(t, "iptables-nft", "-A", "FORWARD", "-m", "conntrack", "--ctstate", "ESTABLISHED", "-j", "ACCEPT")
	mustApply(t, n.f, hubRules)
	site, tables, gone := Chain{"inet", "site", "through"}, Chain{"ip", "filter", "FORWARD"}, Chain{"inet", "later", "forward"}
	before := n.hub.listing(t)
	if passes(false) {
		t.Fatal("the chains drop nothing")
	}
	insert(t, n, 2, 1, site, tables, gone)
	insert(t, n, 0, 1, site, tables, gone)
	if !passes(true) {
		t.Errorf("not through\n%s", n.hub.listing(t))
	}
	var found []Place
	if err := n.hub.do(func() (err error) { found, err = n.f.Blockers(); return err }); err != nil || len(found) > 0 {
		t.Errorf("blockers %+v, %v", found, err)
	}
	for _, chain := range []string{"inet site through", "ip filter FORWARD"} {
		if head := n.hub.head(t, chain); !strings.Contains(head, "ct state untracked") || !strings.Contains(head, accepts) {
			t.Errorf("%s begins with %q", chain, head)
		}
	}
	if out := n.hub.exec(t, "iptables-nft", "-S", "FORWARD"); !strings.Contains(out, "-m conntrack --ctstate UNTRACKED") {
		t.Errorf("iptables does not understand the rule:\n%s", out)
	}

	harms := map[string]func(){
		"a rule before it": func() {
			n.hub.exec(t, "nft", "insert rule inet site through ct state untracked drop")
			n.hub.exec(t, "iptables-nft", "-I", "FORWARD", "-j", "DROP")
		},
		"flushed chains": func() {
			n.hub.exec(t, "nft", "flush chain inet site through")
			n.hub.exec(t, "iptables-nft", "-F", "FORWARD")
		},
		"doubled": func() {
			n.hub.exec(t, "nft", "add rule inet site through ct state untracked accept "+accepts)
		},
	}
	for _, harm := range []string{"a rule before it", "doubled", "flushed chains"} {
		harms[harm]()
		if err := n.hub.do(func() error { _, err := n.f.Insert([]Chain{site, tables, gone}); return err }); err != nil {
			t.Errorf("%s: %v", harm, err)
		}
		insert(t, n, 0, 1, site, tables, gone)
		if !passes(true) || strings.Count(n.hub.listing(t), accepts) != 2 {
			t.Errorf("%s: passes %v\n%s", harm, passes(false), n.hub.listing(t))
		}
	}

	n.hub.nft(t, "table inet later {\n chain forward { type filter hook forward priority 2; policy drop; }\n}\n")
	insert(t, n, 1, 0, site, tables, gone)
	mustApply(t, n.f, Ruleset{Interfaces: hubRules.Interfaces, Transit: hubRules.Transit}) // a change of our own
	insert(t, n, 0, 0, site, tables, gone)
	insert(t, n, 1, 0, site, tables)
	if err := n.hub.do(n.f.Remove); err != nil {
		t.Fatal(err)
	}
	left := n.hub.listing(t)
	if strings.Contains(left, "ecmpd") {
		t.Errorf("left:\n%s\nbefore:\n%s", left, before)
	}
}

// A table that its owner keeps to itself is not written, and said so.
func TestInsertIntoOwnedTable(t *testing.T) {
	n := newHub(t, "owned")
	owner := n.hub.open(t)
	if err := n.hub.do(func() error {
		table := owner.nft.AddTable(ownedTable())
		owner.nft.AddChain(forwardChain(table))
		return owner.nft.Flush()
	}); err != nil {
		t.Fatal(err)
	}
	err := n.hub.do(func() error { _, err := n.f.Insert([]Chain{{"inet", "kept", "forward"}}); return err })
	if err == nil || !strings.Contains(err.Error(), "flags owner") {
		t.Errorf("error %v", err)
	}
}

func ownedTable() *nftables.Table {
	const owner = 2 // NFT_TABLE_F_OWNER
	return &nftables.Table{Family: nftables.TableFamilyINet, Name: "kept", Flags: owner}
}

func forwardChain(t *nftables.Table) *nftables.Chain {
	return &nftables.Chain{Name: "forward", Table: t, Type: nftables.ChainTypeFilter, Hooknum: nftables.ChainHookForward, Priority: nftables.ChainPriorityFilter}
}
