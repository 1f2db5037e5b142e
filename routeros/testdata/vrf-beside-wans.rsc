# 2024-05-01 12:00:00 by RouterOS 7.14.2
/routing table
add disabled=no fib name=to_ISP1
add disabled=no fib name=to_ISP2
/ip vrf add interfaces=ether9 name=mgmt
/ip address
add address=10.0.1.2/24 interface=ether1 network=10.0.1.0
add address=10.0.2.2/24 interface=ether2 network=10.0.2.0
add address=10.0.9.2/24 interface=ether9
/ip route
add disabled=no distance=1 dst-address=0.0.0.0/0 gateway=10.0.1.1 pref-src="" routing-table=main scope=30 suppress-hw-offload=no target-scope=10
add disabled=no distance=1 dst-address=0.0.0.0/0 gateway=10.0.2.1@main routing-table=main
add dst-address=0.0.0.0/0 gateway=10.0.9.1@mgmt routing-table=mgmt
add dst-address=0.0.0.0/0 gateway=10.0.1.1 routing-table=to_ISP1
add dst-address=0.0.0.0/0 gateway=10.0.2.1 routing-table=to_ISP2
/routing rule
add action=lookup-only-in-table disabled=no src-address=192.168.5.0/24 table=to_ISP1
add action=lookup dst-address=8.8.8.8 table=to_ISP2
add action=lookup interface=bridge min-prefix=0 table=main
/ip firewall mangle
add action=accept chain=prerouting dst-address=10.0.1.0/24
add action=mark-connection chain=prerouting new-connection-mark=A passthrough=yes per-connection-classifier=both-addresses-and-ports:2/0 in-interface=bridge connection-mark=no-mark dst-address-type=!local
add action=mark-connection chain=prerouting new-connection-mark=B passthrough=yes per-connection-classifier=both-addresses-and-ports:2/1 in-interface=bridge connection-mark=no-mark dst-address-type=!local
add action=mark-routing chain=prerouting connection-mark=A in-interface=bridge new-routing-mark=to_ISP1
add action=mark-routing chain=prerouting connection-mark=B in-interface=bridge new-routing-mark=to_ISP2
/ip firewall nat
add action=masquerade chain=srcnat out-interface-list=WAN
/interface list member
add interface=ether1 list=WAN
add interface=ether2 list=WAN
