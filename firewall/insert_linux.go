package firewall

import (
	"errors"
	"fmt"
	"slices"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"github.com/google/nftables/userdata"
	"github.com/google/nftables/xt"
	"golang.org/x/sys/unix"
)

// Chain names a chain of somebody else's table.
type Chain struct {
	Family string // inet or ip
	Table  string
	Name   string
}

// insertTag is the comment by which our rules in other tables are known.
const insertTag = "ecmpd: untracked transit"

// Insertion is what one call of Insert did.
type Insertion struct {
	Written int     // rules inserted or removed
	Missing []Chain // chains that are not there
}

// Insert keeps a rule that accepts untracked packets first in each of the chains,
// and in no other: one that was removed, moved or doubled is put right, in
// one transaction.
func (f *Firewall) Insert(chains []Chain) (Insertion, error) {
	for range races {
		gen, err := f.nft.GetGen()
		if err != nil {
			return Insertion{}, fmt.Errorf("read the ruleset's generation: %w", err)
		}
		if f.inserted.known && f.inserted.gen == gen.ID && slices.Equal(f.inserted.chains, chains) {
			return Insertion{Missing: f.inserted.missing}, nil
		}
		done, err := f.insertOnce(gen.ID, chains)
		switch {
		case err == nil && done.Written == 0:
			f.inserted = insertion{known: true, gen: gen.ID, chains: slices.Clone(chains), missing: done.Missing}
			return done, nil
		case err == nil:
			return done, nil
		case errors.Is(err, unix.EPERM):
			return done, fmt.Errorf("accept untracked packets in another table: it belongs to a program that keeps it to itself (flags owner; firewalld: use transit.firewalld-zones, or set NftablesTableOwner=no in /etc/firewalld/firewalld.conf and restart it), or the accept has to come from there: %w", err)
		case !errors.Is(err, unix.ERESTART):
			return done, fmt.Errorf("accept untracked packets in another table: %w", err)
		}
	}
	return Insertion{}, fmt.Errorf("accept untracked packets in another table: the ruleset changed %d times meanwhile", races)
}

// insertion is what Insert found last.
type insertion struct {
	known           bool
	gen             uint32
	chains, missing []Chain
}

func (f *Firewall) insertOnce(gen uint32, chains []Chain) (done Insertion, err error) {
	f.inserted.known = false
	rules, err := f.dumpRules()
	if err != nil {
		return done, err
	}
	there, err := f.nft.ListChains()
	if err != nil {
		return done, err
	}
	for _, k := range there {
		if k.Table == nil || k.Table.Name == tableName && k.Table.Family == nftables.TableFamilyINet {
			continue
		}
		key := chainKey{byte(k.Table.Family), k.Table.Name, k.Name}
		wanted := slices.Contains(chains, Chain{familyName(key.family), key.table, key.chain})
		list := rules[key]
		ours := 0
		for _, r := range list {
			if r.comment == insertTag {
				ours++
			}
		}
		if wanted && ours == 1 && list[0].comment == insertTag || !wanted && ours == 0 {
			continue
		}
		for _, r := range list {
			if r.comment == insertTag {
				// The error belongs to a rule without a handle.
				_ = f.nft.DelRule(&nftables.Rule{Table: k.Table, Chain: k, Handle: r.handle})
				done.Written++
			}
		}
		if wanted {
			f.nft.InsertRule(&nftables.Rule{
				Table: k.Table, Chain: k, Exprs: acceptUntracked(isIPTables(k, there)),
				UserData: userdata.AppendString(nil, userdata.TypeComment, insertTag),
			})
			done.Written++
		}
	}
	for _, c := range chains {
		if !slices.ContainsFunc(there, func(k *nftables.Chain) bool {
			return k.Table != nil && k.Name == c.Name && k.Table.Name == c.Table && familyName(byte(k.Table.Family)) == c.Family
		}) {
			done.Missing = append(done.Missing, c)
		}
	}
	if done.Written == 0 {
		return done, nil
	}
	return done, f.nft.FlushWithGenID(gen)
}

// isIPTables reports that a table looks like one of iptables-nft, which calls a
// table foreign that has a rule it could not have written.
func isIPTables(k *nftables.Chain, all []*nftables.Chain) bool {
	names := []string{"filter", "mangle", "raw", "security"}
	return k.Table.Family == nftables.TableFamilyIPv4 && slices.Contains(names, k.Table.Name) &&
		slices.ContainsFunc(all, func(o *nftables.Chain) bool {
			return o.Table != nil && o.Table.Name == k.Table.Name && o.Table.Family == k.Table.Family && o.Hooknum != nil &&
				slices.Contains([]string{"PREROUTING", "FORWARD", "POSTROUTING"}, o.Name)
		})
}

// acceptUntracked is `ct state untracked counter accept`, in the words of iptables
// where they are needed.
func acceptUntracked(iptables bool) []expr.Any {
	accept := counted(&expr.Verdict{Kind: expr.VerdictAccept})
	if iptables {
		info := &xt.ConntrackMtinfo3{}
		info.MatchFlags, info.StateMask = xtFlagState, xtConntrackUntracked
		return append([]expr.Any{&expr.Match{Name: "conntrack", Rev: 3, Info: info}}, accept...)
	}
	return append(isUntracked(), accept...)
}
