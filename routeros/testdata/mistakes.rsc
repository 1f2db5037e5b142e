# everything that is done wrong in forums
/ip address
add address=192.168.10.1/24 interface=bridge1
add address=10.1.0.2/24 interface=ether1 network=10.2.0.0
add address=10.2.0.2/24 interface=ether2
add address=10.3.0.300/24 interface=ether3
/ip firewall mangle
add chain=prerouting in-interface=Ether1 action=mark-connection new-connection-mark=c1
add chain=prerouting in-interface=bridge1 connection-mark=no-mark per-connection-classifier=both-addresses:3/0 action=mark-connection new-connection-mark=p1
add chain=prerouting in-interface=bridge1 connection-mark=no-mark per-connection-classifier=both-addresses:3/1 action=mark-connection new-connection-mark=p2
add chain=prerouting in-interface=bridge1 connection-mark=no-mark per-connection-classifier=both-addresses:2/1 action=mark-connection new-connection-mark=p2
add chain=prerouting in-interface=bridge1 connection-mark=no-mark per-connection-classifier=both-adresses:3/2 action=mark-connection new-connection-mark=p1
add chain=prerouting connection-mark=p1 action=mark-routing new-routing-mark=to_isp1 passthrough=no
add chain=prerouting connection-mark=p1 action=mark-routing new-routing-mark=to_isp2
add chain=prerouting connection-mark=p2 action=mark-routing new-routing-mark=to_isp_2
add chain=output connection-mark=c1 action=mark-routing new-routing-mark=to_isp1 passthrough=no
/ip route
add gateway=10.1.0.1%ether2 routing-mark=to_isp1
add gateway=10.2.0.1 routing-mark=to_isp2
add gateway=10.1.0.1
add gateway=10.2.0.1
add gateway=10.77.0.1 distance=5
add gateway=0.0.0.0 distance=9
add gateway=bridge2 distance=11
add gateway=ether1 distance=12
add dst-address=10.99.0.0/16 gateway=10.2.0.2
/ip firewall nat
add chain=srcnat out-interface=eth1 action=masquerade
add chain=srcnat out-interface=ether2 action=src-nat to-addresses=10.1.0.2
add chain=srcnat out-interface=ether2 action=masquerade
add chain=srcnat out-interface=ether1 action=src-nat to-addresses=10.1.0.2-10.1.0.9
/ip route add dst-address=172.31.0.0/16 gateway=""
