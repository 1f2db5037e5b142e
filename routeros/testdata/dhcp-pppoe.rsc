# jul/01/2020 08:00:00 by RouterOS 6.47
/interface pppoe-client
add add-default-route=yes default-route-distance=1 disabled=no interface=ether1 name=pppoe-out1 password="s3cret pass" use-peer-dns=yes user=me@isp
/interface lte
set [ find ] name=lte1
/ip dhcp-client
add default-route-distance=2 dhcp-options=hostname,clientid disabled=no interface=ether2 use-peer-dns=no
add add-default-route=no disabled=no interface=ether5
/ip address
add address=192.168.1.1/24 interface=bridge network=192.168.1.0
/ip firewall nat
add action=masquerade chain=srcnat src-address=192.168.1.0/24
/ip firewall mangle
add action=change-mss chain=forward new-mss=clamp-to-pmtu out-interface=all-ppp protocol=tcp tcp-flags=syn
/ip dns
set allow-remote-requests=yes servers=9.9.9.9
/system script
add name=failover source=":local gw [/ip route get [find comment=main] gateway]\r\
    \n:if (\$gw = \"\") do={\r\
    \n  /ip route add gateway=10.0.0.1\r\
    \n}"
/system scheduler
add interval=1m name=check on-event=failover
