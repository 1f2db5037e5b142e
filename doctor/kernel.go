package doctor

import (
	"fmt"
	"strings"
)

func forwarding(f Facts) (out []Finding) {
	const why = "packets that are not for this machine are dropped"
	if !f.Forwarding {
		return []Finding{{"forwarding", Wrong, "net.ipv4.ip_forward is 0", why, "sysctl -w net.ipv4.ip_forward=1"}}
	}
	for _, i := range f.Interfaces {
		if !i.Forwarding {
			out = append(out, Finding{
				"forwarding", Wrong, "forwarding is off on " + i.Name, "packets that come in there and are not for this machine are dropped",
				"sysctl -w " + word("net/ipv4/conf/"+i.Name+"/forwarding=1"),
			})
		}
	}
	return out
}

func reversePath(f Facts) (out []Finding) {
	for _, i := range f.Interfaces {
		if i.Strict && !i.Passive {
			out = append(out, Finding{
				"rp-filter", Wrong, "rp_filter is strict on " + i.Name,
				"the kernel drops what comes in another way than the answer would go, which is normal among equal-cost paths; the larger one of the interface's value and that of all counts",
				"sysctl -w " + word("net/ipv4/conf/"+i.Name+"/rp_filter=2"),
			})
		}
	}
	return out
}

func hashPolicy(f Facts) []Finding {
	if f.Hash == f.Wanted {
		return nil
	}
	return []Finding{{
		"hash-policy", Wrong, fmt.Sprintf("the multipath hash is %s, not %s as configured", f.Hash, f.Wanted),
		"flows choose their next hop by other fields than ecmp.hash says: another program changed the setting, or it may not be written here",
		"ecmpd reload, and " + f.Wanted.command(),
	}}
}

// String names the settings.
func (h Hash) String() string {
	if h.Policy == 3 {
		return fmt.Sprintf("policy 3 with fields %#x", h.Fields)
	}
	return fmt.Sprintf("policy %d", h.Policy)
}

func (h Hash) command() string {
	if h.Policy == 3 {
		return fmt.Sprintf("sysctl -w net.ipv4.fib_multipath_hash_fields=%d net.ipv4.fib_multipath_hash_policy=3", h.Fields)
	}
	return fmt.Sprintf("sysctl -w net.ipv4.fib_multipath_hash_policy=%d", h.Policy)
}

func memberships(f Facts) (out []Finding) {
	if f.MaxMemberships == 0 {
		return []Finding{{
			"memberships", Wrong, "net.ipv4.igmp_max_memberships is 0", "no socket may join a multicast group, and hellos go to one",
			"sysctl -w net.ipv4.igmp_max_memberships=20",
		}}
	}
	for _, i := range f.Interfaces {
		if i.Deaf {
			out = append(out, Finding{
				"memberships", Wrong, i.Name + " is not in the multicast group of OSPF routers, 224.0.0.5", "no hello is heard there",
				"the log tells why joining failed: too few file descriptors (ulimit -n), no memory, or a link without multicast (ip link set dev " + word(i.Name) + " multicast on)",
			})
		}
	}
	return out
}

// hashSeed tells whether the hash is the same function as on the other routers.
func hashSeed(f Facts) []Finding {
	const why = "the two directions of one flow meet different hubs, and stateful firewalls there drop it"
	switch f.Seed {
	case SeedForeign:
		return []Finding{{
			"hash-seed", Wrong, "net.ipv4.fib_multipath_hash_seed is not that of ecmp.symmetric-key", why + ": another program changed it, or it may not be written here", "ecmpd reload",
		}}
	case SeedNone:
		return []Finding{{
			"hash-seed", Wrong, "this kernel has no net.ipv4.fib_multipath_hash_seed, which ecmp.hash symmetric needs", why, "Linux 6.11 or later; until then transit.mode: notrack on the hubs",
		}}
	}
	return nil
}

// windows is about mode auto.
func windows(f Facts) []Finding {
	if !f.Windows {
		return nil
	}
	return []Finding{{
		"tcp-windows", Wrong, "net.netfilter.nf_conntrack_tcp_be_liberal is 0 in transit.mode auto",
		"a connection that comes back from another hub is invalid to conntrack, which has not followed it",
		"sysctl -w net.netfilter.nf_conntrack_tcp_be_liberal=1",
	}}
}

func otherOSPF(f Facts) (out []Finding) {
	for _, program := range f.OtherOSPF {
		out = append(out, Finding{
			"other-ospf", Wrong, program + " has a socket for IP protocol 89 in this network namespace",
			"two OSPF daemons on the same links hear each other's packets and write routes for the same prefixes",
			"stop the other one, or run it in a network namespace of its own",
		})
	}
	return out
}

func networkd(f Facts) []Finding {
	if len(f.Networkd) == 0 {
		return nil
	}
	lines := strings.Join(f.Networkd, "=no\\n") + "=no\\n"
	return []Finding{{
		"networkd", Wrong, "systemd-networkd runs with " + strings.Join(f.Networkd, "=yes, ") + "=yes",
		"when it restarts or a link changes it deletes routes, rules and nexthops that other programs made",
		"mkdir -p /etc/systemd/networkd.conf.d && printf '[Network]\\n" + lines + "' > /etc/systemd/networkd.conf.d/ecmpd.conf && systemctl restart systemd-networkd",
	}}
}

// kernelBugs names bugs of multipath routing that have a commit to cite.
func kernelBugs(f Facts) []Finding {
	var major, minor int
	if _, err := fmt.Sscanf(f.Kernel, "%d.%d", &major, &minor); err != nil {
		return nil
	}
	if v := 1000*major + minor; v < 5005 || v >= 6006 {
		return nil
	}
	return []Finding{{
		"kernel", Note, "Linux " + f.Kernel + " may send packets of one flow to different next hops",
		"from 5.5 (commit 02b24941619f) packets received in a list shared a route without regard to multipath, until 6.6 (commit 6ac66cb03ae3); stable kernels may have the repair",
		"look for \"ipv4: ignore dst hint for multipath routes\" in the changelog of the kernel package; Linux 6.6 has it",
	}}
}

func unknown(f Facts) (out []Finding) {
	for _, what := range f.Unknown {
		out = append(out, Finding{"unknown", Note, "not known: " + what, "a check had nothing to look at", "run ecmpd with CAP_NET_ADMIN and CAP_NET_RAW, and see its log"})
	}
	return out
}
