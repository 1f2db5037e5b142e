# jan/05/2022 10:00:00 by RouterOS 6.48.6
/ip address
add address=203.0.113.2/30 interface=ether1
/routing bgp instance
set default as=65010 router-id=203.0.113.2 redistribute-connected=yes
/routing bgp network
add network=198.51.100.0/24 synchronize=no
add network=oops
/routing bgp peer
add name=isp-a remote-address=203.0.113.1 remote-as=65001 tcp-md5-key="s3cret key" hold-time=30s out-filter=to-isp max-prefix-limit=200000
add name=rr remote-address=10.0.0.9 remote-as=65010 multihop=yes route-reflect=yes update-source=10.0.0.1 nexthop-choice=force-self
add name=twice remote-address=203.0.113.1 remote-as=65002
add name=empty remote-address=203.0.113.5 remote-as=
