# v6 ECMP with repeated gateways and by-name
/ip address
add address=192.168.1.1/24 interface=LAN
add address=172.16.1.2/30 interface=WAN1
add address=172.16.2.2/30 interface=WAN2
add address=172.16.3.2/32 interface=ppp-out1 network=172.16.3.1
/ip route
add gateway=172.16.1.1,172.16.1.1,172.16.2.1,ppp-out1,ppp-out1,ppp-out1 check-gateway=arp
add dst-address=0.0.0.0/0 gateway=172.16.1.1 routing-mark=r1 distance=1
add dst-address=0.0.0.0/0 gateway=172.16.2.1%WAN1 routing-mark=r2 distance=1
add dst-address=0.0.0.0/0 gateway=ppp-out1 routing-mark=r3 pref-src=172.16.9.9
/ip route rule
add src-address=192.168.1.0/25 action=lookup table=r1
add src-address=192.168.1.128/25 action=lookup-only-in-table table=r2
add dst-address=192.168.0.0/16 table=main
add src-address=192.168.1.7 action=drop
add src-address=192.168.1.8 action=unreachable
add routing-mark=r3 table=r3 interface=LAN
/ip firewall nat
add chain=srcnat action=masquerade src-address=192.168.1.0/24
add chain=srcnat action=masquerade out-interface=!LAN
/ip firewall mangle
add chain=forward action=change-mss new-mss=1360 protocol=tcp tcp-flags=syn
add chain=prerouting protocol=udp dst-port=5060-5061,4569 action=mark-routing new-routing-mark=r1 in-interface=LAN passthrough=no
add chain=prerouting protocol=tcp dst-port=25 src-address=!192.168.1.5 action=mark-routing new-routing-mark=r2 in-interface=LAN passthrough=no
add chain=prerouting protocol=tcp layer7-protocol=youtube action=mark-routing new-routing-mark=r3
add chain=prerouting dscp=46 action=mark-routing new-routing-mark=r3 passthrough=no
add chain=prerouting time=8h-18h,mon,tue action=mark-routing new-routing-mark=r1 passthrough=no src-address=192.168.1.99
add chain=prerouting src-address-list=!vip action=mark-routing new-routing-mark=r2 passthrough=no
add chain=prerouting nth=2,1 action=mark-routing new-routing-mark=r1 passthrough=no
add chain=prerouting random=50 action=mark-routing new-routing-mark=r2 passthrough=no
/ip firewall raw
add chain=prerouting action=notrack src-address=10.0.0.0/8 dst-address=10.0.0.0/8
add chain=prerouting action=notrack src-address=192.168.1.0/24 dst-address=10.5.0.0/16
add chain=output action=notrack protocol=udp dst-port=53
add chain=prerouting action=notrack protocol=ospf
