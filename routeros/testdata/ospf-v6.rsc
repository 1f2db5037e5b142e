# feb/02/2019 by RouterOS 6.43.8
/interface bridge
add name=loopback
/routing ospf area
add area-id=0.0.0.1 name=branches
add area-id=0.0.0.2 default-cost=20 inject-summary-lsas=no name=stubby type=stub
/routing ospf instance
set [ find default=yes ] distribute-default=if-installed-as-type-1 metric-default=5 redistribute-connected=as-type-1 \
    metric-connected=30 redistribute-static=as-type-2 redistribute-bgp=as-type-1 router-id=10.255.0.1
/ip address
add address=10.255.0.1/32 interface=loopback network=10.255.0.1
add address=10.10.1.1/30 interface=ovpn-out1 network=10.10.1.0
add address=10.20.1.1/24 interface=ether5 network=10.20.1.0
add address=192.168.1.2/24 interface=ether1 network=192.168.1.0
/routing ospf interface
add authentication=md5 authentication-key=topsecret authentication-key-id=7 cost=100 dead-interval=4s hello-interval=1s interface=\
    ovpn-out1 network-type=point-to-point use-bfd=yes
add interface=ether5 passive=yes
add interface=ether9 cost=5
add authentication=simple authentication-key=waytoolongforthat interface=ether1
add interface=all priority=0 network-type=broadcast
/routing ospf network
add area=backbone network=10.10.0.0/16
add area=backbone network=10.255.0.1/32
add area=branches network=10.20.0.0/16
add area=stuby network=10.30.0.0/16
add area=stubby network=10.30.0.0/16
/routing ospf area range
add area=branches range=10.20.0.0/16 cost=50
add area=branches range=10.21.0.0/16 advertise=no
/routing ospf virtual-link
add neighbor-id=10.255.0.9 transit-area=branches
add neighbor-id=10.255.0.8 transit-area=stubby
/routing ospf nbma-neighbor
add address=10.10.9.9
/ip route
add distance=1 gateway=192.168.1.1
