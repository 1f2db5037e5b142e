package script

import "slices"

// isMenu tells whether a path without its slash is a menu. Everything is one
// behind a slash; without it, prose is told from commands by this list.
func isMenu(path string) bool { return slices.Contains(menus, path) }

var menus = []string{
	"ip", "ip address", "ip route", "ip route rule", "ip route vrf", "ip vrf", "ip dhcp-client", "ip dhcp-server", "ip dhcp-server network",
	"ip dns", "ip dns static", "ip pool", "ip service", "ip settings", "ip neighbor", "ip arp", "ip ipsec",
	"ip firewall", "ip firewall nat", "ip firewall mangle", "ip firewall filter", "ip firewall raw",
	"ip firewall address-list", "ip firewall service-port", "ip firewall connection", "ip firewall connection tracking",
	"ipv6", "ipv6 address", "ipv6 route", "ipv6 firewall",
	"routing", "routing table", "routing rule", "routing filter", "routing filter rule", "routing id", "routing bfd", "routing bgp",
	"routing bgp instance", "routing bgp peer", "routing bgp network", "routing bgp connection", "routing bgp template",
	"routing ospf", "routing ospf instance", "routing ospf area", "routing ospf area range", "routing ospf network",
	"routing ospf interface", "routing ospf interface-template", "routing ospf virtual-link", "routing ospf nbma-neighbor", "routing ospf static-neighbor",
	"routing ospf static-neighbor", "routing ospf sham-link",
	"interface", "interface bridge", "interface bridge port", "interface ethernet", "interface vlan", "interface list",
	"interface list member", "interface pppoe-client", "interface l2tp-client", "interface pptp-client", "interface sstp-client",
	"interface ovpn-client", "interface ppp-client", "interface lte", "interface wireguard", "interface wireguard peers",
	"interface wireless", "interface bonding", "interface gre", "interface ipip", "interface eoip",
	"queue", "queue simple", "queue tree", "queue type", "ppp", "ppp profile", "ppp secret",
	"system", "system identity", "system script", "system scheduler", "system clock", "system ntp client", "tool", "tool netwatch", "user", "snmp",
}
