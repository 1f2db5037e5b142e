# interface lists without members, a second group of classifiers
/ip address
add address=192.168.88.1/24 interface=bridge
add address=10.1.1.2/24 interface=ether1
add address=10.2.2.2/24 interface=ether2
/ip firewall mangle
add chain=prerouting in-interface=bridge per-connection-classifier=src-address:2/0 action=mark-routing new-routing-mark=isp1 passthrough=no
add chain=prerouting in-interface=bridge per-connection-classifier=src-address:2/1 action=mark-routing new-routing-mark=isp2 passthrough=no
add chain=prerouting in-interface=bridge2 per-connection-classifier=src-address:2/0 action=mark-routing new-routing-mark=isp1 passthrough=no
add chain=prerouting in-interface=wan1 action=mark-connection new-connection-mark=x
/ip route
add gateway=10.1.1.1 routing-mark=isp1
add gateway=10.2.2.1 routing-mark=isp2
add gateway=10.1.1.1
/ip firewall nat
add chain=srcnat out-interface-list=WAN action=masquerade
add chain=srcnat src-address=192.168.88.0/24 dst-address=!10.0.0.0/8 action=masquerade
/ip firewall filter add chain=input action=drop
