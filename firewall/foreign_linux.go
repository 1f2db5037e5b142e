package firewall

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"slices"

	"github.com/google/nftables"
	"github.com/google/nftables/userdata"
	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// Blockers names the places in other tables that drop untracked packets between
// the interfaces last given to Apply. Families inet and ip are read, with the
// tables of iptables-nft, and those of iptables-legacy; at the hooks prerouting
// (after −300), forward and postrouting. What cannot be decided is reported as
// uncertain.
func (f *Firewall) Blockers() ([]Place, error) {
	chains, err := f.rulesets(false)
	if err != nil {
		return nil, err
	}
	return blockers(chains, f.wanted.Interfaces, f.wanted.Transit), nil
}

// Offloads names the rules of other tables that put tracked connections between the
// interfaces last given to Apply into flowtables.
func (f *Firewall) Offloads() ([]Place, error) {
	chains, err := f.rulesets(false)
	if err != nil {
		return nil, err
	}
	return offloads(chains, f.wanted.Interfaces, f.wanted.Transit), nil
}

// rulesets reads all chains that routed IPv4 packets see, with our own table or
// without.
func (f *Firewall) rulesets(own bool) ([]foreignChain, error) {
	for range races {
		before, err := f.nft.GetGen()
		if err != nil {
			return nil, fmt.Errorf("read the ruleset's generation: %w", err)
		}
		chains, readErr := f.readForeign(own)
		after, err := f.nft.GetGen()
		if err != nil {
			return nil, fmt.Errorf("read the ruleset's generation: %w", err)
		}
		if before.ID != after.ID {
			continue
		}
		if readErr != nil {
			return nil, fmt.Errorf("read other nftables: %w", readErr)
		}
		return append(chains, legacyChains()...), nil
	}
	return nil, errors.New("read other nftables: the ruleset changes while it is read")
}

type chainKey struct {
	family byte
	table  string
	chain  string
}

func (f *Firewall) readForeign(own bool) ([]foreignChain, error) {
	tables, err := f.nft.ListTables()
	if err != nil {
		return nil, err
	}
	skip := map[chainKey]bool{{unix.NFPROTO_INET, tableName, ""}: !own}
	for _, t := range tables {
		if t.Flags&nftables.TableFlagDormant != 0 {
			skip[chainKey{byte(t.Family), t.Name, ""}] = true
		}
	}
	kernel, err := f.nft.ListChains()
	if err != nil {
		return nil, err
	}
	rules, err := f.dumpRules()
	if err != nil {
		return nil, err
	}
	d := decoder{sets: f.foreignSet, memo: map[chainKey]*foreignElements{}, links: linkName}
	var out []foreignChain
	for _, k := range kernel {
		if k.Table == nil {
			continue
		}
		key := chainKey{byte(k.Table.Family), k.Table.Name, k.Name}
		family := familyName(key.family)
		if family == "" || skip[chainKey{key.family, key.table, ""}] {
			continue
		}
		c := foreignChain{family: family, table: key.table, name: k.Name, hook: hookOf(k), nat: k.Type == nftables.ChainTypeNAT}
		if k.Priority != nil {
			c.priority = int32(*k.Priority)
		}
		c.drop = k.Policy != nil && *k.Policy == nftables.ChainPolicyDrop
		for _, r := range rules[key] {
			c.rules = append(c.rules, d.rules(key, r)...)
		}
		out = append(out, c)
	}
	return out, nil
}

// familyName is empty for families whose chains do not see routed IPv4 packets.
func familyName(family byte) string {
	switch family {
	case unix.NFPROTO_INET:
		return "inet"
	case unix.NFPROTO_IPV4:
		return "ip"
	case unix.NFPROTO_NETDEV:
		return "netdev"
	}
	return ""
}

// The numbers of hooks (NF_INET_ and NF_NETDEV_ in linux/netfilter.h). Those of
// family ip are the first ones of inet.
var (
	hooksInet   = []hook{hookPrerouting, hookInput, hookForward, hookOutput, hookPostrouting, hookIngress}
	hooksNetdev = []hook{hookIngress, hookEgress}
)

func hookOf(k *nftables.Chain) hook {
	if k.Hooknum == nil || k.Priority == nil {
		return hookNone
	}
	hooks := hooksInet
	if k.Table.Family == nftables.TableFamilyNetdev {
		hooks = hooksNetdev
	}
	if n := uint32(*k.Hooknum); n < uint32(len(hooks)) {
		return hooks[n]
	}
	return hookNone
}

// rawRule is a rule as the kernel describes it.
type rawRule struct {
	handle  uint64
	comment string
	exprs   []rawExpr
}

type rawExpr struct {
	name string
	data []byte
}

// dumpRules reads all rules of all tables. It does not use the library's own
// reader, which leaves out expressions that it does not know: a rule would then
// seem to match more than it does.
func (f *Firewall) dumpRules() (map[chainKey][]rawRule, error) {
	messages, err := f.reader.Execute(netlink.Message{
		Header: netlink.Header{
			Type:  unix.NFNL_SUBSYS_NFTABLES<<8 | unix.NFT_MSG_GETRULE,
			Flags: netlink.Request | netlink.Dump,
		},
		Data: []byte{unix.NFPROTO_UNSPEC, unix.NFNETLINK_V0, 0, 0},
	})
	if err != nil {
		return nil, err
	}
	out := map[chainKey][]rawRule{}
	for _, m := range messages {
		if len(m.Data) < 4 {
			continue
		}
		key, rule := chainKey{family: m.Data[0]}, rawRule{}
		err := attributes(m.Data[4:], func(ad *netlink.AttributeDecoder) {
			switch ad.Type() {
			case unix.NFTA_RULE_TABLE:
				key.table = ad.String()
			case unix.NFTA_RULE_CHAIN:
				key.chain = ad.String()
			case unix.NFTA_RULE_HANDLE:
				rule.handle = ad.Uint64()
			case unix.NFTA_RULE_USERDATA:
				rule.comment, _ = userdata.GetString(ad.Bytes(), userdata.TypeComment)
			case unix.NFTA_RULE_EXPRESSIONS:
				ad.Do(func(b []byte) error { return rule.decode(b) })
			}
		})
		if err != nil {
			return nil, fmt.Errorf("rule %d of %s %s: %w", rule.handle, key.table, key.chain, err)
		}
		out[key] = append(out[key], rule)
	}
	return out, nil
}

func (r *rawRule) decode(list []byte) error {
	return attributes(list, func(ad *netlink.AttributeDecoder) {
		ad.Do(func(b []byte) error {
			var e rawExpr
			err := attributes(b, func(ad *netlink.AttributeDecoder) {
				switch ad.Type() {
				case unix.NFTA_EXPR_NAME:
					e.name = ad.String()
				case unix.NFTA_EXPR_DATA:
					e.data = ad.Bytes()
				}
			})
			r.exprs = append(r.exprs, e)
			return err
		})
	})
}

// attributes calls fn for each attribute of b, numbers in network order.
func attributes(b []byte, fn func(*netlink.AttributeDecoder)) error {
	ad, err := netlink.NewAttributeDecoder(b)
	if err != nil {
		return err
	}
	ad.ByteOrder = binary.BigEndian
	for ad.Next() {
		fn(ad)
	}
	return ad.Err()
}

// foreignElements are the elements of a set or verdict map.
type foreignElements struct {
	keyBytes  int
	interval  bool
	inclusive bool // intervals of concatenations: the end of an element is its last value
	list      []element
	verdicts  map[string]foreignRule // of a map, by key
}

// foreignSet reads a set of another table; nil when it cannot be understood.
func (f *Firewall) foreignSet(key chainKey, name string) *foreignElements {
	t := &nftables.Table{Name: key.table, Family: nftables.TableFamily(key.family)}
	s, err := f.nft.GetSetByName(t, name)
	if err != nil || s.Dynamic || s.HasTimeout {
		return nil
	}
	raw, err := f.nft.GetSetElements(s)
	if err != nil {
		return nil
	}
	if slices.ContainsFunc(raw, func(e nftables.SetElement) bool { return len(e.Key) == 0 }) {
		return nil // one that stands for all others
	}
	out := &foreignElements{keyBytes: int(s.KeyType.Bytes), interval: s.Interval, inclusive: s.Interval && s.Concatenation}
	if s.IsMap {
		out.verdicts = map[string]foreignRule{}
		for _, e := range raw {
			if !e.IntervalEnd {
				out.verdicts[string(e.Key)] = decodeVerdict(e.Val)
			}
		}
	}
	if out.inclusive {
		for _, e := range raw {
			out.list = append(out.list, element{string(e.Key), string(e.KeyEnd)})
		}
		return out
	}
	if out.list, err = decodeElements(raw, s.Interval); err != nil {
		return nil
	}
	return out
}

// linkName is the interface's name, or empty when there is none.
func linkName(index uint32) string {
	i, err := net.InterfaceByIndex(int(index))
	if err != nil {
		return ""
	}
	return i.Name
}
