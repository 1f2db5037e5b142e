/ ip address add address= network= interface=LAN
add address= network= interface=wlan1
add address= network= interface=wlan2
/ ip firewall nat add chain=srcnat out-interface=wlan1 action=masquerade
add chain=srcnat out-interface=wlan2 action=masquerade
/ ip route add dst-address= gateway=, check-gateway=ping
