# 2026-03-01 10:00:00 by RouterOS 7.16.1
/ip address
add address=203.0.113.2/30 interface=ether1
/routing bgp template
set default as=65010 disabled=no router-id=203.0.113.2
/routing bgp connection
add disabled=no local.address=203.0.113.2 .role=ebgp name=up output.network=nets .redistribute=connected,ospf remote.address=203.0.113.1/32 .as=65001 templates=default use-bfd=yes
add local.role=ibgp name=inner remote.address=10.0.0.9 templates=default
add as=65099 local.role=ebgp name=other remote.address=10.0.1.9 .as=65003
add local.role=ebgp name=wide remote.address=10.5.0.0/24 .as=65005
/ip firewall address-list
add address=198.51.100.0/24 list=nets
