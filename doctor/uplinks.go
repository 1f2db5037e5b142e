package doctor

import (
	"fmt"
	"strings"
)

// Uplinks are facts about ways to the Internet.
type Uplinks struct {
	Strict []string // links of uplinks with a strict rp_filter
	Rules  []string // policy rules of others that use our marks or stand among ours
	Mask   uint32   // of our marks
	// Marks are rules of others that write bits of the mask; Certain: they surely do.
	Marks  []ForeignMark
	Tables []string // routes of others in our tables
	// Defaults are default routes of others over uplinks that the kernel prefers to ours.
	Defaults []string
}

// ForeignMark is a rule that writes marks.
type ForeignMark struct {
	Rule    string // family, table, chain, and what it writes
	Certain bool
}

func uplinks(f Facts) (out []Finding) {
	for _, name := range f.Uplinks.Strict {
		out = append(out, Finding{
			"rp-filter", Wrong, "rp_filter is strict on " + name + ", which is an uplink",
			"the kernel drops answers to what left by this uplink while the default route leads elsewhere",
			"sysctl -w " + word("net/ipv4/conf/"+name+"/rp_filter=2"),
		})
	}
	for _, rule := range f.Uplinks.Rules {
		out = append(out, Finding{
			"wan-rules", Wrong, "another program's policy rule is in the way of the uplinks: " + rule,
			fmt.Sprintf("it looks at marks under %#x, or stands among ecmpd's rules: two programs that use the same bits or priorities send each other's packets another way", f.Uplinks.Mask),
			"give one of them other marks or priorities: wan.mark.mask, wan.mark.rule-base",
		})
	}
	for _, m := range f.Uplinks.Marks {
		severity := Note
		if m.Certain {
			severity = Wrong
		}
		out = append(out, Finding{
			"wan-marks", severity, "another program's rule writes marks that uplinks use: " + m.Rule,
			fmt.Sprintf("the bits %#x of marks say by which uplink a connection goes: without them it goes by another one, and breaks", f.Uplinks.Mask),
			"give one of them other bits: wan.mark.mask, or there \"meta mark set meta mark & KEEP | VALUE\", \"--set-xmark VALUE/MASK\"",
		})
	}
	for _, r := range f.Uplinks.Tables {
		out = append(out, Finding{
			"wan-tables", Wrong, "another program's route stands in a table of the uplinks: " + r,
			"connections by that uplink go where this route leads",
			"give one of them other tables: wan.mark.table-base",
		})
	}
	if len(f.Uplinks.Defaults) > 0 {
		out = append(out, Finding{
			"wan-default", Wrong, "the kernel prefers another program's default route over an uplink: " + strings.Join(f.Uplinks.Defaults, ", "),
			"while all uplinks are down no other default route takes over from it",
			"have the DHCP client give it a metric above kernel.metric",
		})
	}
	return out
}
