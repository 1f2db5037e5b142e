[admin@MikroTik] > /ip address
[admin@MikroTik] /ip address> add address=10.0.0.2/24 interface="my wan port"
/ip address add address=10.0.1.2/24 interface=averyveryverylongname comment="unclosed
add address=10.0.2.2/24 interface=ether3
/ip route add gateway=10.0.0.1,10.0.1.1,10.0.2.1 \
/ip firewall nat
add chain=srcnat action=masquerade }
add chain=srcnat out-interface= action=masquerade
