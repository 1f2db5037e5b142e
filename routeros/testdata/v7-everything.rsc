# 2024-03-05 12:00:00 by RouterOS 7.14
/interface/bridge/add name=br1 vlan-filtering=yes
/interface/vlan
add interface=br1 name=vlan10 vlan-id=10
add interface=br1 name=vlan20 vlan-id=20
/interface/ethernet/set [ find default-name=ether1 ] name=wan1
/interface/ethernet/set [ find default-name=ether2 ] name=wan2
/interface/ethernet/set [ find default-name=ether3 ] name=wan3
/routing/table
add disabled=no fib name=t1
add disabled=no fib name=t2
add disabled=no name=t3
/ip/address
add address=10.10.0.1/24 interface=vlan10
add address=10.20.0.1/24 interface=vlan20
add address=100.64.1.2/24 interface=wan1
add address=100.64.2.2/24 interface=wan2
add address=100.64.3.2/24 interface=wan3
/ip/route
add comment="recursive probe 1" dst-address=8.8.8.8/32 gateway=100.64.1.1 scope=10 target-scope=10
add comment="recursive probe 2" dst-address=1.1.1.1/32 gateway=100.64.2.1 scope=10
add dst-address=9.9.9.9/32 gateway=100.64.3.1 scope=30
add check-gateway=ping distance=1 dst-address=0.0.0.0/0 gateway=8.8.8.8 scope=30 target-scope=11
add check-gateway=ping distance=2 dst-address=0.0.0.0/0 gateway=1.1.1.1 scope=30 target-scope=11
add check-gateway=ping distance=3 dst-address=0.0.0.0/0 gateway=9.9.9.9 scope=30 target-scope=11
add check-gateway=ping dst-address=0.0.0.0/0 gateway=8.8.8.8 routing-table=t1 target-scope=11
add check-gateway=ping dst-address=0.0.0.0/0 gateway=1.1.1.1 routing-table=t2 target-scope=11
add dst-address=0.0.0.0/0 gateway=100.64.3.1 routing-table=t3
add dst-address=0.0.0.0/0 gateway=100.64.3.1 routing-table=t4
/routing/rule
add action=lookup disabled=no dst-address=10.0.0.0/8 table=main
add action=lookup-only-in-table disabled=no src-address=10.10.0.0/24 table=t1
add action=lookup disabled=no src-address=10.20.0.0/24 table=t2 interface=vlan20
add action=lookup disabled=no min-prefix=0 table=main
add action=drop src-address=10.66.0.0/16
add action=lookup routing-mark=t3 table=t3
/ip/firewall/nat
add action=masquerade chain=srcnat out-interface=wan1
add action=masquerade chain=srcnat out-interface=wan2
add action=src-nat chain=srcnat out-interface=wan3 to-addresses=100.64.3.2
/routing/ospf/instance
add disabled=no name=o1 router-id=10.255.0.9 version=2 originate-default=if-installed
add disabled=no name=o3 version=3
/routing/ospf/area
add area-id=0.0.0.0 disabled=no instance=o1 name=bb
add area-id=0.0.0.5 disabled=no instance=o1 name=st type=stub no-summaries default-cost=7
add area-id=0.0.0.6 disabled=no instance=o3 name=v6
/routing/ospf/interface-template
add area=bb disabled=no interfaces=vlan10 type=ptp hello-interval=2s dead-interval=8s auth=md5 auth-id=3 auth-key="a \"b\" c"
add area=st disabled=no interfaces=vlan20,vlan30 passive
add area=v6 interfaces=vlan10
add area=bb networks=10.77.0.0/24,10.78.0.0/24 cost=77 priority=0
/routing/bgp/template
set default as=65001 disabled=no router-id=10.255.0.9
/routing/bgp/connection
add as=65001 disabled=no local.role=ebgp name=peer1 output.network=bgp-nets remote.address=100.64.1.1/32 .as=64500 routing-table=main templates=default tcp-md5-key=geheim
add as=65001 name=dyn remote.address=10.99.0.0/24 .as=65002 local.role=ebgp listen=yes
/ip/firewall/address-list
add address=10.10.0.0/24 list=bgp-nets
