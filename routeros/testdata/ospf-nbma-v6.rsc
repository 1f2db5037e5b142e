# jan/05/2022 10:00:00 by RouterOS 6.48.6
/ip address
add address=10.20.0.1/24 interface=radio
add address=10.30.0.1/24 interface=eoip1
/routing ospf instance
set [ find default=yes ] router-id=10.255.0.1
/routing ospf interface
add interface=radio network-type=nbma priority=2
add interface=eoip1 network-type=ptmp
/routing ospf nbma-neighbor
add address=10.20.0.2 poll-interval=1m priority=1
add address=10.20.0.3 poll-interval=0s
add address=10.50.0.3
/routing ospf network
add area=backbone network=10.20.0.0/24
add area=backbone network=10.30.0.0/24
