# by RouterOS 6.49.7
/ip firewall address-list
add address=10.10.6.0/24 list=conntracked
add address=192.168.77.0/24 list=conntracked
add address=10.10.99.0/24 list=guarded
/ip firewall raw
add action=accept chain=prerouting comment="force connection tracking" src-address-list=guarded
add action=notrack chain=prerouting comment="ECMP for VPN" dst-address-list=!conntracked src-address=10.10.0.0/16
add action=notrack chain=prerouting dst-port=53 protocol=udp
add action=drop chain=prerouting src-address=198.18.0.0/15
/ip firewall filter
add action=accept chain=forward connection-state=untracked
add action=accept chain=forward connection-state=established,related
add action=drop chain=forward connection-state=invalid
add action=drop chain=forward
add action=drop chain=forward
/routing ospf instance
set [ find default=yes ] router-id=10.255.0.1
/routing ospf network
add area=backbone network=10.255.0.0/16
