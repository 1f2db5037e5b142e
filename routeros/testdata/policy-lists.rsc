# a hand-written one, RouterOS 6
/ip address
add address=192.168.0.1/24 interface=LAN
add address=192.168.7.1/24 interface=GUEST
add address=203.0.113.2/29 interface=WAN1
add address=198.51.100.2/29 interface=WAN2
/ip firewall address-list
add list="domestic nets" address=203.0.112.0/22
add list="domestic nets" address=198.18.0.0-198.18.0.9
add list="domestic nets" address=www.example.com
add list=vip address=192.168.0.10
add list=vip address=192.168.0.11
add list=unused address=10.0.0.0/8
/ip firewall mangle
add chain=prerouting src-address=192.168.0.0-192.168.0.127 action=mark-routing new-routing-mark=via-1
add chain=prerouting src-address=192.168.0.128/25 action=mark-routing new-routing-mark=via-2
add chain=prerouting dst-address-list="domestic nets" action=mark-routing new-routing-mark=via-2 passthrough=no
add chain=prerouting src-address-list=vip action=mark-routing new-routing-mark=via-1 passthrough=no
add chain=prerouting protocol=udp dst-port=5060,10000-20000 action=mark-connection new-connection-mark=voip connection-state=new
add chain=prerouting connection-mark=voip action=mark-routing new-routing-mark=via-1 passthrough=no
add chain=prerouting in-interface=GUEST action=mark-routing new-routing-mark=via-2
add chain=prerouting src-address-list=!vip protocol=tcp dst-port=25 action=mark-routing new-routing-mark=via-2
add chain=prerouting layer7-protocol=youtube action=mark-routing new-routing-mark=via-2
add chain=forward protocol=tcp action=mark-packet new-packet-mark=bulk
/queue tree
add name=down parent=global packet-mark=bulk
/ip route
add gateway=203.0.113.1 distance=1
add gateway=198.51.100.1 distance=2
add gateway=203.0.113.1 routing-mark=via-1
add gateway=198.51.100.1 routing-mark=via-2
/ip route rule
add dst-address=192.168.0.0/16 action=lookup table=main
add src-address=192.168.0.200/32 action=lookup-only-in-table table=via-1
add routing-mark=via-2 action=lookup-only-in-table table=via-2
add src-address=192.168.9.0/24 action=drop
/ip firewall nat
add chain=srcnat out-interface=WAN1 action=masquerade
add chain=srcnat out-interface=WAN2 action=masquerade
