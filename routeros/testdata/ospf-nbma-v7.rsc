# 2026-03-01 10:00:00 by RouterOS 7.16.1
/ip address
add address=10.20.0.1/24 interface=radio
add address=10.30.0.1/24 interface=wg0
/routing ospf instance
add name=v2 router-id=10.255.0.1
/routing ospf area
add area-id=0.0.0.0 instance=v2 name=backbone
/routing ospf interface-template
add area=backbone interfaces=radio type=nbma priority=10
add area=backbone interfaces=wg0 type=ptmp
add area=backbone interfaces=gre-hub type=ptmp-broadcast
/routing ospf static-neighbor
add address=10.20.0.2%radio area=backbone poll-interval=30s
add address=10.20.0.3%radio area=backbone
add address=10.30.0.2%wg0 area=backbone
add address=10.30.0.2%wg0 area=backbone comment=again
add address=10.40.0.2%gre-hub area=backbone
add address=none%wg0 area=backbone
/routing bgp connection
add as=65001 disabled=no local.address=203.0.113.2 .role=ebgp name=up output.network=nets remote.address=203.0.113.1/32 .as=65000
