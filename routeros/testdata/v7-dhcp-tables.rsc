# 2025-08-01 10:00:00 by RouterOS 7.19.4
/interface list
add name=WAN
/routing table
add fib name=isp1
add fib name=isp2
/interface list member
add interface=ether1 list=WAN
add interface=pppoe-out1 list=WAN
/interface pppoe-client
add add-default-route=yes default-route-distance=2 default-route-tables=main,isp2:1 disabled=no interface=ether2 name=pppoe-out1 user=u
/ip dhcp-client
add default-route-tables=isp1,main interface=ether1
/ip address
add address=192.168.5.1/24 interface=bridge network=192.168.5.0
/ip firewall mangle
add action=mark-connection chain=prerouting connection-mark=no-mark connection-state=new in-interface=ether1 new-connection-mark=c1 passthrough=yes
add action=mark-connection chain=prerouting connection-mark=no-mark connection-state=new in-interface=pppoe-out1 new-connection-mark=c2 passthrough=yes
add action=mark-connection chain=prerouting connection-mark=no-mark connection-state=new dst-address-type=!local in-interface-list=!WAN new-connection-mark=c1 per-connection-classifier=both-addresses-and-ports:3/0
add action=mark-connection chain=prerouting connection-mark=no-mark connection-state=new dst-address-type=!local in-interface-list=!WAN new-connection-mark=c2 per-connection-classifier=both-addresses-and-ports:3/1
add action=mark-connection chain=prerouting connection-mark=no-mark connection-state=new dst-address-type=!local in-interface-list=!WAN new-connection-mark=c2 per-connection-classifier=both-addresses-and-ports:3/2
add action=mark-routing chain=prerouting connection-mark=c1 in-interface-list=!WAN new-routing-mark=isp1 passthrough=no
add action=mark-routing chain=prerouting connection-mark=c2 in-interface-list=!WAN new-routing-mark=isp2 passthrough=no
add action=mark-routing chain=output connection-mark=c1 new-routing-mark=isp1 passthrough=no
add action=mark-routing chain=output connection-mark=c2 new-routing-mark=isp2 passthrough=no
/ip firewall nat
add action=masquerade chain=srcnat ipsec-policy=out,none out-interface-list=WAN
