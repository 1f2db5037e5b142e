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
	// Defaults are default routes of others over uplinks that the kernel prefers to ours.
	Defaults []string
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
	if len(f.Uplinks.Defaults) > 0 {
		out = append(out, Finding{
			"wan-default", Wrong, "the kernel prefers another program's default route over an uplink: " + strings.Join(f.Uplinks.Defaults, ", "),
			"while all uplinks are down no other default route takes over from it",
			"have the DHCP client give it a metric above kernel.metric",
		})
	}
	return out
}
