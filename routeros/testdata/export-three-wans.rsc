# oct/12/2021 10:11:12 by RouterOS 6.48.6
# software id = ABCD-1234
#
# model = RB3011UiAS
/interface bridge
add arp=proxy-arp comment=defconf name=bridge-lan protocol-mode=none
/interface ethernet
set [ find default-name=ether1 ] comment="ISP \"Alpha\" \$fibre \\ main" name=\
    ether1-alpha
set [ find default-name=ether2 ] name=ether2-beta
set [ find default-name=ether3 ] disabled=yes
/interface pppoe-client
add add-default-route=yes default-route-distance=3 disabled=no interface=ether3 \
    name=pppoe-gamma use-peer-dns=yes user=me@isp password="s3cret\"x"
/interface list
add name=WAN
add name=LAN
/interface list member
add interface=ether1-alpha list=WAN
add interface=ether2-beta list=WAN
add interface=pppoe-gamma list=WAN
add interface=bridge-lan list=LAN
/ip address
add address=192.168.88.1/24 comment=defconf interface=bridge-lan network=\
    192.168.88.0
add address=203.0.113.2/30 interface=ether1-alpha network=203.0.113.0
add address=198.51.100.10/29 interface=ether2-beta network=198.51.100.8
add address=198.51.100.11/29 interface=ether2-beta network=198.51.100.8 disabled=yes
/ip dhcp-client
add add-default-route=special-classless comment=test dhcp-options=\
    hostname,clientid disabled=yes interface=ether3 script=":if (\$bound=1) do={\r\
    \n  /ip route set [find comment=\"gamma\"] gateway=\$\"gateway-address\"\r\
    \n}"
/ip firewall address-list
add address=192.168.88.10-192.168.88.20 list=voip
add address=192.168.88.33 list=voip disabled=yes
add address=voip.example.com list=voip-servers
/ip firewall mangle
add action=accept chain=prerouting comment="to connected" dst-address=\
    203.0.113.0/30 in-interface-list=LAN
add action=accept chain=prerouting dst-address=198.51.100.8/29 \
    in-interface-list=LAN
add action=mark-connection chain=prerouting connection-mark=no-mark \
    in-interface=ether1-alpha new-connection-mark=alpha_c passthrough=yes
add action=mark-connection chain=prerouting connection-mark=no-mark \
    in-interface=ether2-beta new-connection-mark=beta_c passthrough=yes
add action=mark-connection chain=prerouting connection-mark=no-mark \
    in-interface=pppoe-gamma new-connection-mark=gamma_c passthrough=yes
add action=mark-connection chain=prerouting connection-mark=no-mark \
    dst-address-type=!local in-interface-list=LAN new-connection-mark=alpha_c \
    passthrough=yes per-connection-classifier=both-addresses-and-ports:5/0
add action=mark-connection chain=prerouting connection-mark=no-mark \
    dst-address-type=!local in-interface-list=LAN new-connection-mark=alpha_c \
    passthrough=yes per-connection-classifier=both-addresses-and-ports:5/1
add action=mark-connection chain=prerouting connection-mark=no-mark \
    dst-address-type=!local in-interface-list=LAN new-connection-mark=beta_c \
    passthrough=yes per-connection-classifier=both-addresses-and-ports:5/2
add action=mark-connection chain=prerouting connection-mark=no-mark \
    dst-address-type=!local in-interface-list=LAN new-connection-mark=beta_c \
    passthrough=yes per-connection-classifier=both-addresses-and-ports:5/3
add action=mark-connection chain=prerouting connection-mark=no-mark \
    dst-address-type=!local in-interface-list=LAN new-connection-mark=gamma_c \
    passthrough=yes per-connection-classifier=both-addresses-and-ports:5/4
add action=mark-routing chain=prerouting connection-mark=alpha_c \
    in-interface-list=LAN new-routing-mark=to_alpha passthrough=no
add action=mark-routing chain=prerouting connection-mark=beta_c \
    in-interface-list=LAN new-routing-mark=to_beta passthrough=no
add action=mark-routing chain=prerouting connection-mark=gamma_c \
    in-interface-list=LAN new-routing-mark=to_gamma passthrough=no
add action=mark-routing chain=output connection-mark=alpha_c \
    new-routing-mark=to_alpha passthrough=no
add action=mark-routing chain=output connection-mark=beta_c new-routing-mark=\
    to_beta passthrough=no
add action=mark-routing chain=output connection-mark=gama_c \
    new-routing-mark=to_gamma passthrough=no
/ip firewall nat
add action=masquerade chain=srcnat ipsec-policy=out,none out-interface-list=WAN
add action=dst-nat chain=dstnat dst-port=443 in-interface=ether1-alpha \
    protocol=tcp to-addresses=192.168.88.5 to-ports=8443
/ip route
add check-gateway=ping distance=1 gateway=203.0.113.1 routing-mark=to_alpha
add check-gateway=ping distance=1 gateway=198.51.100.9 routing-mark=to_beta
add distance=1 gateway=pppoe-gamma routing-mark=to_gamma
add check-gateway=ping distance=1 gateway=203.0.113.1
add check-gateway=ping distance=2 gateway=198.51.100.9
add distance=1 dst-address=10.20.0.0/16 gateway=192.168.88.254
add distance=1 dst-address=10.30.0.0/16 type=blackhole
/ipv6 address
add address=2001:db8::1/64 interface=bridge-lan
/ipv6 route
add distance=1 gateway=fe80::1%ether1-alpha
/system clock
set time-zone-name=Europe/Berlin
/system script
add dont-require-permissions=no name=failover owner=admin policy=read,write \
    source=":local x [/ping 8.8.8.8 count=3]\r\
    \n:if (\$x < 2) do={ /ip route disable [find gateway=203.0.113.1] }"
