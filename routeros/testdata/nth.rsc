/ip address
add address=10.0.1.2/24 interface=wan1
add address=10.0.2.2/24 interface=wan2
add address=10.0.3.2/24 interface=wan3
/ip firewall mangle
add chain=prerouting in-interface=lan connection-state=new nth=3,1 action=mark-connection new-connection-mark=c1
add chain=prerouting in-interface=lan connection-state=new nth=2,1 connection-mark=no-mark action=mark-connection new-connection-mark=c2
add chain=prerouting in-interface=lan connection-state=new nth=1,1 connection-mark=no-mark action=mark-connection new-connection-mark=c3
add chain=prerouting connection-mark=c1 action=mark-routing new-routing-mark=r1
add chain=prerouting connection-mark=c2 action=mark-routing new-routing-mark=r2
add chain=prerouting connection-mark=c3 action=mark-routing new-routing-mark=r3
/ip route
add gateway=10.0.1.1 routing-mark=r1
add gateway=10.0.2.1 routing-mark=r2
add gateway=10.0.3.1 routing-mark=r3
add gateway=10.0.1.1
