# 2025-05-05 05:05:05 by RouterOS 7.18.2
/routing table
add disabled=no fib name=isp1
add disabled=no name=isp2
/ip address
add address=10.1.1.2/24 interface=ether1 network=10.1.1.0
add address=10.1.1.3/24 interface=ether2 network=10.1.1.0
add address=172.16.0.1/16 interface=lan network=172.16.0.0
/ip route
add disabled=no dst-address=0.0.0.0/0 gateway=10.1.1.1%ether1 routing-table=isp1 suppress-hw-offload=no
add disabled=no dst-address=0.0.0.0/0 gateway=10.1.1.1%ether2 routing-table=isp2
add disabled=no dst-address=0.0.0.0/0 gateway=10.1.1.1%ether1 routing-table=main
add disabled=no dst-address=0.0.0.0/0 gateway=10.1.1.1%ether2 routing-table=main
add disabled=yes dst-address=0.0.0.0/0 gateway=10.9.9.9 routing-table=main
add dst-address=0.0.0.0/0 gateway=10.1.1.1 routing-table=isp3
/routing rule
add action=lookup-only-in-table disabled=no src-address=172.16.5.0/24 table=isp1
add action=lookup disabled=no dst-address=172.16.0.0/16 table=main
add action=lookup interface=lan table=isp2
/ip/firewall/nat/add chain=srcnat action=masquerade out-interface=ether1
/ip/firewall/nat
add action=masquerade chain=srcnat out-interface=ether2
