# apr/01/2023 00:00:01 by RouterOS 6.49.7
# PCC over three, marks jumbled in one place; a chain of its own; vrf beside
/ip address
add address=10.5.1.2/24 interface=e1
add address=10.5.2.2/24 interface=e2
add address=10.5.3.2/24 interface=e3
add address=192.168.50.1/24 interface=br
add address=172.20.0.1/24 interface=vrf-if
/ip route vrf
add interfaces=vrf-if route-distinguisher=1:1 routing-mark=customer
/ip firewall mangle
add chain=input in-interface=e1 action=mark-connection new-connection-mark=in1 passthrough=no
add chain=input in-interface=e2 action=mark-connection new-connection-mark=in2 passthrough=no
add chain=input in-interface=e3 action=mark-connection new-connection-mark=in3 passthrough=no
add chain=output connection-mark=in1 action=mark-routing new-routing-mark=t1 passthrough=no
add chain=output connection-mark=in2 action=mark-routing new-routing-mark=t2 passthrough=no
add chain=output connection-mark=in2 action=mark-routing new-routing-mark=t3 passthrough=no
add chain=prerouting action=jump jump-target=lb in-interface=br connection-mark=no-mark
add chain=lb action=mark-connection new-connection-mark=o1 per-connection-classifier=src-address:3/0 dst-address=!192.168.50.0/24
add chain=lb action=mark-connection new-connection-mark=o2 per-connection-classifier=src-address:3/1 dst-address=!192.168.50.0/24
add chain=lb action=mark-connection new-connection-mark=o3 per-connection-classifier=src-address:3/2 dst-address=!192.168.50.0/24
add chain=lb action=return
add chain=prerouting in-interface=br connection-mark=o1 action=mark-routing new-routing-mark=t1
add chain=prerouting in-interface=br connection-mark=o2 action=mark-routing new-routing-mark=t2
add chain=prerouting in-interface=br connection-mark=o3 action=mark-routing new-routing-mark=t3
/ip route
add gateway=10.5.1.1 routing-mark=t1 check-gateway=ping
add gateway=10.5.2.1 routing-mark=t2 check-gateway=ping
add gateway=10.5.3.1 routing-mark=t3 check-gateway=ping
add gateway=172.20.0.254 routing-mark=customer
add gateway=10.5.1.1 distance=1
add gateway=10.5.2.2 distance=2
add gateway=10.5.3.1 distance=3
/ip firewall nat
add chain=srcnat action=src-nat out-interface=e1 to-addresses=10.5.1.2
add chain=srcnat action=src-nat out-interface=e2 to-addresses=10.5.1.2
add chain=srcnat action=src-nat out-interface=e3 to-addresses=10.5.3.0/24
