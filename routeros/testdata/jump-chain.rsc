# the mangle of a slide: jumps into a chain of its own
/ip address
add address=192.168.0.1/24 interface=Local
add address=10.111.0.2/24 interface=Public1
add address=10.112.0.2/24 interface=Public2
/ip firewall mangle
add chain=prerouting dst-address=192.168.0.0/24 action=accept
add chain=prerouting in-interface=Public1 connection-mark=no-mark action=mark-connection new-connection-mark=p1
add chain=prerouting in-interface=Public2 connection-mark=no-mark action=mark-connection new-connection-mark=p2
add chain=prerouting in-interface=Local connection-mark=no-mark action=jump jump-target=policy_routing
add chain=prerouting connection-mark=p1 src-address-list=Clients action=mark-routing new-routing-mark=t1
add chain=prerouting connection-mark=p2 src-address=192.168.0.0/24 action=mark-routing new-routing-mark=t2
add chain=output connection-mark=p1 action=mark-routing new-routing-mark=t1
add chain=output connection-mark=p2 action=mark-routing new-routing-mark=t2
add chain=policy_routing dst-address-type=!local per-connection-classifier=both-addresses:2/0 action=mark-connection new-connection-mark=p1
add chain=policy_routing dst-address-type=!local per-connection-classifier=both-addresses:2/1 action=mark-connection new-connection-mark=p2
/ip route
add gateway=10.111.0.1 routing-mark=t1 check-gateway=ping
add gateway=10.112.0.1 routing-mark=t2 check-gateway=ping
add gateway=10.111.0.1 distance=1
add gateway=10.112.0.1 distance=2
/routing ospf area set [ find default=yes ] disabled=no
set [ find name=area9 ] type=stub
/routing ospf set router-id=1.2.3.4 distribute-default=always-as-type-1
/ip address set 0 address=10.0.0.1/24 interface=x
