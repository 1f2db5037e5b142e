[admin@R1] > /ip route print
Flags: X - disabled, A - active, D - dynamic, C - connect
 #      DST-ADDRESS        PREF-SRC        GATEWAY            DISTANCE
 0 A S  0.0.0.0/0                          10.0.0.1                  1
[admin@R1] > /ip route
[admin@R1] /ip route> add gateway=10.1.0.1 distance=1
[admin@R1] /ip route> add gateway=10.2.0.1 distance=1
[admin@R1] /ip route> /ip address
[admin@R1] /ip address> add address=10.1.0.2/24 interface=wan-a
[admin@R1] /ip address> add address=10.2.0.2/24 interface=wan-b
[admin@R1] /ip address> add address=10.2.0.3/24 interface=wan-b
[admin@R1] /ip address> ..
[admin@R1] /ip> firewall nat add chain=srcnat out-interface=wan-a action=masquerade
[admin@R1] /ip> firewall nat add chain=srcnat out-interface=wan_b action=masquerade
/ip firewall mangle add chain=prerouting src-address-list=via-b action=mark-routing new-routing-mark=via-b passthrough=no comment=unbalanced" quote
/ip firewall address-list
add list=via-b address=10.9.0.1-10.9.0.6
add list=via-b address=10.9.1.0/24 timeout=1d
add list=via-b address=mail.example.net
add list=via-b address=2001:db8::/32
/ip route add gateway=10.2.0.1 routing-mark=via-b check-gateway=
/ip route rule add table=via-b routing-mark=via-b action=lookup-only-in-table
