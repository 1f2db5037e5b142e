# 2024-10-10 10:10:10 by RouterOS 7.16
/routing id
add disabled=no id=10.255.0.2 name=id-1 select-dynamic-id=""
/routing ospf instance
add disabled=no name=default-v2 originate-default=always redistribute=connected,static,bgp router-id=id-1
add disabled=no name=default-v3 router-id=id-1 version=3
/routing ospf area
add disabled=no instance=default-v2 name=backbone-v2
add area-id=0.0.0.5 disabled=no instance=default-v2 name=nssa5 no-summaries type=nssa nssa-translator=yes
/interface list
add name=TUN
/interface list member
add interface=wg1 list=TUN
add interface=wg2 list=TUN
/routing ospf interface-template
add area=backbone-v2 auth=sha256 auth-id=1 auth-key="a \"quoted\" key" cost=10 disabled=no interfaces=ether1 networks=10.0.0.0/24 type=ptp use-bfd=yes
add area=backbone-v2 disabled=no interfaces=TUN type=ptp hello-interval=1s dead-interval=4s
add area=backbone-v2 auth=md5 auth-id=3 disabled=no interfaces=ether4
add area=nssa5 disabled=no networks=10.5.0.0/16,10.6.0.0/16 passive
add area=nssa5 disabled=no interfaces=sfp-sfpplus1-to-datacentre type=ptmp
add area=backbone-v2 interfaces=ether7 type=nbma
add area=backbone-v2 type=virtual-link vlink-neighbor-id=10.255.0.7 vlink-transit-area=nssa5
/routing ospf area range
add area=nssa5 prefix=10.5.0.0/16 advertise=yes cost=9
/routing bgp template
set default as=65001 router-id=10.255.0.2
/routing bgp connection
add as=65001 local.role=ebgp name=up remote.address=192.0.2.9/32 remote.as=65000 tcp-md5-key=hush templates=default
/routing filter rule
add chain=ospf-in rule="if (dst in 10.0.0.0/8) { accept }"
