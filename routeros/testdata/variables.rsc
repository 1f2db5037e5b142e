# apr/02/2024 by RouterOS 7.14
:local wan1 ether1
:global gw1 10.111.0.1
:local gw2 "10.112.0.1"
:global gw3 10.113.0.1
:foreach i in=[/ip route find] do={ :set gw3 10.9.9.9 }
:local key "topsecret"
/ip address
add address=10.111.0.2/24 interface=$wan1
add address=10.112.0.2/24 interface=ether2
add address=10.113.0.2/24 interface=ether3
add address=10.0.0.1/30 interface=vpn1
/ip route
add dst-address=0.0.0.0/0 gateway="$gw1%$wan1" distance=1
add dst-address=0.0.0.0/0 gateway=($gw2) distance=1
add dst-address=0.0.0.0/0 gateway=$gw3 distance=1
/ip firewall nat
add chain=srcnat out-interface=$"wan1" action=masquerade
add chain=srcnat out-interface=ether2 action=masquerade comment="of $gw2"
/routing ospf instance add name=i router-id=1.2.3.4
/routing ospf area add name=a instance=i
/routing ospf interface-template add area=a interfaces=vpn1 auth=md5 auth-id=1 auth-key=$key
