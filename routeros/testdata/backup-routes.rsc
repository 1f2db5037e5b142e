# routes in reserve, and OSPF everywhere
/routing ospf instance
set [ find default=yes ] router-id=10.0.0.1 distribute-default=if-installed-as-type-1
/routing ospf interface
add interface=tun1 authentication=md5 authentication-key=abc
/routing ospf network
add area=backbone network=0.0.0.0/0
add area=backbone network=10.0.0.0/8
/ip dhcp-client
add interface=ether1
/ip route
add dst-address=10.99.0.0/16 gateway=10.0.0.9 distance=10
add dst-address=10.99.0.0/16 gateway=10.0.0.8 distance=1
add dst-address=10.98.0.0/16 type=blackhole
add dst-address=192.168.1.0/24 gateway=ether5
