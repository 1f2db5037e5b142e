# by RouterOS 6.45.9
/ip address add address=10.0.1.2/30 interface=ether1
/ip address add address=10.0.2.2/30 interface=ether2
/ip address add address=10.0.9.1/24 interface=ether9
/ip route add dst-address=0.0.0.0/0 gateway=10.0.1.1,10.0.2.1 check-gateway=ping
/routing ospf instance set [ find default=yes ] distribute-default=if-installed-as-type-1 metric-default=15 redistribute-connected=as-type-2 metric-connected=30 router-id=10.0.9.1
/routing ospf area add area-id=0.0.0.9 name=nine type=stub inject-summary-lsas=no default-cost=3
/routing ospf interface add interface=ether9 network-type=broadcast cost=30 priority=5 authentication=md5 authentication-key="x y" authentication-key-id=4 use-bfd=yes
/routing ospf interface add interface=all passive=yes
/routing ospf network add network=10.0.9.0/24 area=nine
/routing ospf network add network=10.0.8.0/24 area=ten
/routing ospf virtual-link add transit-area=nine neighbor-id=10.0.8.8
/routing bgp instance set default as=65010 router-id=10.0.9.1 redistribute-connected=yes client-to-client-reflection=no
/routing bgp peer add name=up1 remote-address=10.0.1.1 remote-as=64501 ttl=1 hold-time=30s tcp-md5-key="k#;y" in-filter=up1-in out-filter=up1-out multihop=yes update-source=ether1 default-originate=if-installed nexthop-choice=force-self
/routing bgp peer add name=v6 remote-address=2001:db8::5 remote-as=64502 address-families=ipv6
/routing bgp peer add name=rr remote-address=10.0.9.2 remote-as=65010 route-reflect=yes disabled=yes
/routing bgp network add network=203.0.113.0/24 synchronize=no
/routing bgp aggregate add prefix=10.0.0.0/8
/routing filter add chain=up1-in prefix=0.0.0.0/0 prefix-length=25-32 action=discard
/ip firewall raw add chain=prerouting action=notrack src-address=10.0.0.0/8 dst-address-list=!tracked in-interface=ether9
/ip firewall raw add chain=prerouting action=accept src-address=10.77.0.0/16 dst-address=10.78.0.0/16
/ip firewall address-list add list=tracked address=10.50.0.0/16
/ip firewall filter add chain=forward connection-state=established,related,untracked action=accept
/ip firewall mangle add chain=postrouting out-interface=ether1 action=mark-packet new-packet-mark=up passthrough=yes
/ip firewall mangle add chain=prerouting in-interface=ether9 protocol=tcp dst-port=80,443 connection-bytes=10000000-0 action=mark-routing new-routing-mark=bulk
/ip firewall mangle add chain=prerouting in-interface=ether9 nth=2,1 connection-state=new action=mark-connection new-connection-mark=odd
/ip firewall mangle add chain=prerouting in-interface=ether9 nth=2,2 connection-state=new action=mark-connection new-connection-mark=even
/ip firewall mangle add chain=prerouting in-interface=ether9 connection-mark=odd action=mark-routing new-routing-mark=r-odd
/ip firewall mangle add chain=prerouting in-interface=ether9 connection-mark=even action=mark-routing new-routing-mark=r-even
/ip route add gateway=10.0.1.1 routing-mark=r-odd
/ip route add gateway=10.0.2.1%ether1 routing-mark=r-even
/ip route add gateway=10.0.3.1 distance=250
/ip route add dst-address=10.60.0.0/16 gateway=10.0.9.254,10.0.9.253 distance=5 comment=""
