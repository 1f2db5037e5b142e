# 2024-02-29 12:00:00 by RouterOS 7.13.3
/ip address
add address=192.0.2.2/30 interface=ether1
add address=198.51.100.2/30 interface=ether2
add address=10.0.0.1/24 interface=bridge
/ip route
add comment="host routes for recursion" dst-address=8.8.8.8/32 gateway=192.0.2.1 scope=10
add dst-address=1.1.1.1/32 gateway=192.0.2.1 scope=10
add dst-address=9.9.9.9/32 gateway=198.51.100.1 scope=30
add check-gateway=ping dst-address=0.0.0.0/0 gateway=8.8.8.8 target-scope=11 distance=1
add check-gateway=ping dst-address=0.0.0.0/0 gateway=1.1.1.1 target-scope=11 distance=1
add check-gateway=ping dst-address=0.0.0.0/0 gateway=9.9.9.9 target-scope=11 distance=2
add dst-address=10.20.0.0/16 gateway=10.0.0.254
add dst-address=10.30.0.0/16 gateway=10.0.0.253,10.0.0.254,10.0.0.254 check-gateway=bfd
add dst-address=10.40.0.5/16 gateway=10.0.0.254
add dst-address=10.50.0.0/16 gateway=wg-office
add blackhole dst-address=10.0.0.0/8
/ip firewall nat
add action=masquerade chain=srcnat out-interface-list=WAN
/interface list member
add interface=ether1 list=WAN
add interface=ether2 list=WAN
/tool netwatch
add host=8.8.8.8 interval=10s down-script="/ip route disable [find comment=\"isp1\"]" up-script=\
    "/ip route enable [find comment=\"isp1\"]"
