# 2025-06-01 01:02:03 by RouterOS 7.19.1
/interface wireguard
add listen-port=51820 mtu=1420 name=wg-hq
/routing ospf instance
add disabled=no in-filter-chain=ospf-in name=default-v2 out-filter-select=ospf-out \
    redistribute=connected,static router-id=main-id
/routing id
add disabled=no id=10.255.7.7 name=main-id select-dynamic-id=""
/routing ospf area
add disabled=no instance=default-v2 name=backbone-v2
add area-id=0.0.0.3 default-cost=20 disabled=no instance=default-v2 name=nssa3 no-summaries nssa-translate=yes type=nssa
/routing ospf area range
add area=nssa3 advertise=no prefix=10.33.0.0/16
add area=nssa3 cost=55 prefix=10.34.0.0/16
/routing ospf interface-template
add area=backbone-v2 cost=15 disabled=no interfaces=wg-hq networks=10.7.0.0/30 type=ptp use-bfd=yes
add area=backbone-v2 disabled=no interfaces=all passive
add area=nssa3 auth=sha256 auth-id=1 auth-key="s\$cret" dead-interval=40 hello-interval=10 interfaces=ether5 retransmit-interval=5s type=broadcast priority=128 instance-id=3
add area=nssa3 disabled=yes interfaces=ether6
/ip address
add address=10.7.0.1/30 interface=wg-hq
add address=100.65.0.2/24 interface=ether1 network=100.65.0.0
add address=100.66.0.2/24 interface=ether2 network=100.66.0.0
/ip dhcp-client
add add-default-route=no interface=ether3 script=":local gw \$\"gateway-address\"\r\
    \n/ip/route/set [find comment=\"dhcp\"] gateway=\$gw" use-peer-dns=no
add default-route-tables=main:5,wan4:1 interface=ether4
/routing table
add comment="fourth" disabled=no fib name=wan4
add disabled=no fib name="wan one"
add fib name=wan2
/ip firewall mangle
add action=mark-connection chain=prerouting connection-state=new in-interface=ether1 new-connection-mark=c1
add action=mark-connection chain=prerouting connection-state=new in-interface=ether2 new-connection-mark=c2
add action=mark-connection chain=prerouting connection-state=new in-interface=ether4 new-connection-mark=c4
add action=mark-routing chain=output connection-mark=c1 new-routing-mark="wan one"
add action=mark-routing chain=output connection-mark=c2 new-routing-mark=wan2
add action=mark-routing chain=output connection-mark=c4 new-routing-mark=wan4
add action=mark-routing chain=prerouting connection-mark=c1 in-interface=!ether1 new-routing-mark="wan one"
add action=mark-routing chain=prerouting connection-mark=c2 in-interface=!ether2 new-routing-mark=wan2
add action=mark-routing chain=prerouting connection-mark=c4 in-interface=!ether4 new-routing-mark=wan4
/ip/route
add dst-address=0.0.0.0/0 gateway=100.65.0.1 routing-table="wan one"
add dst-address=0.0.0.0/0 gateway=100.66.0.1@main routing-table=wan2
add dst-address=0.0.0.0/0 gateway=100.65.0.1,100.65.0.1,100.66.0.1 check-gateway=ping comment="two \
    to one, \"weighted\""
add dst-address=10.88.0.0/16 gateway=10.7.0.2 distance=200
add dst-address=10.89.0.0/16 blackhole
add dst-address=::/0 gateway=fe80::1%ether1
/ip firewall nat
add action=masquerade chain=srcnat out-interface-list=WAN
add action=masquerade chain=srcnat disabled=yes out-interface=ether1
/interface list
add name=WAN
/interface list member
add interface=ether1 list=WAN
add interface=ether2 list=WAN
/routing bfd configuration
add disabled=no interfaces=wg-hq min-rx=200ms min-tx=200ms multiplier=4
/routing filter rule
add chain=ospf-in rule="if (dst in 10.0.0.0/8 && dst-len > 24) { reject } else { accept }"
