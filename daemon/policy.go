package daemon

import (
	"fmt"
	"strconv"

	"github.com/ecmpd/ecmpd/api"
	"github.com/ecmpd/ecmpd/firewall"
)

// policyStatus lists the rules in their order, and last what becomes of the rest;
// nothing without a policy.
func policyStatus(p firewall.Policy, counters firewall.PolicyCounters) (out []api.PolicyRule) {
	if p.Empty() {
		return nil
	}
	for i, r := range p.Rules {
		rule := api.PolicyRule{Number: i + 1, From: texts(r.From), To: texts(r.To), Action: action(r.Accept)}
		if r.Protocol != 0 {
			rule.Protocol = api.ProtocolName(r.Protocol)
		}
		for _, ports := range r.Ports {
			rule.Ports = append(rule.Ports, portText(ports.First, ports.Last))
		}
		if i < len(counters.Rules) { // the rules may be another make's until they are written
			rule.Packets = counters.Rules[i]
		}
		out = append(out, rule)
	}
	return append(out, api.PolicyRule{Action: action(!p.Drop), Packets: counters.Default})
}

func portText(first, last uint16) string {
	if first == last {
		return strconv.Itoa(int(first))
	}
	return fmt.Sprintf("%d-%d", first, last)
}

func action(accept bool) string {
	if accept {
		return "accept"
	}
	return "drop"
}
