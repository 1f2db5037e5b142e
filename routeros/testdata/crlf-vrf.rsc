# by RouterOS 6.40
/ip address
add address=10.0.0.2/24 \
    comment="Ïğèâåò" interface=ether1
/ip route
add gateway=10.0.0.1 comment="cafÃ© â€” "
/ip vrf
add name=red interfaces=ether4
/ip route
add gateway=10.4.0.1 vrf-interface=ether4 routing-mark=red
