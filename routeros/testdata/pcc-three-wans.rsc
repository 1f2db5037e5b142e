# mar/14/2023 20:11:02 by RouterOS 6.48.6
# software id = ABCD-EFGH
#
# model = RB4011iGS+
/interface bridge
add comment="LAN side" name=bridge-lan
/interface ethernet
set [ find default-name=ether1 ] comment=ISP1 name=ether1-isp1
set [ find default-name=ether2 ] name=ether2-isp2
set [ find default-name=ether3 ] name=ether3-isp3
/interface bridge port
add bridge=bridge-lan interface=ether4
add bridge=bridge-lan interface=ether5
/ip address
add address=192.168.88.1/24 interface=bridge-lan network=192.168.88.0
add address=100.64.1.2/30 interface=ether1-isp1 network=100.64.1.0
add address=100.64.2.2/30 interface=ether2-isp2 network=100.64.2.0
add address=100.64.3.2/30 interface=ether3-isp3 network=100.64.3.0
/ip firewall mangle
add action=accept chain=prerouting dst-address=100.64.1.0/30 in-interface=bridge-lan
add action=accept chain=prerouting dst-address=100.64.2.0/30 in-interface=bridge-lan
add action=mark-connection chain=prerouting connection-mark=no-mark in-interface=ether1-isp1 new-connection-mark=ISP1_conn passthrough=yes
add action=mark-connection chain=prerouting connection-mark=no-mark in-interface=ether2-isp2 new-connection-mark=ISP2_conn passthrough=yes
add action=mark-connection chain=prerouting connection-mark=no-mark in-interface=ether3-isp3 new-connection-mark=ISP3_conn passthrough=yes
add action=mark-connection chain=prerouting connection-mark=no-mark dst-address-type=!local in-interface=bridge-lan \
    new-connection-mark=ISP1_conn passthrough=yes per-connection-classifier=both-addresses:6/0
add action=mark-connection chain=prerouting connection-mark=no-mark dst-address-type=!local in-interface=bridge-lan \
    new-connection-mark=ISP2_conn passthrough=yes per-connection-classifier=both-addresses:6/1
add action=mark-connection chain=prerouting connection-mark=no-mark dst-address-type=!local in-interface=bridge-lan \
    new-connection-mark=ISP2_conn passthrough=yes per-connection-classifier=both-addresses:6/2
add action=mark-connection chain=prerouting connection-mark=no-mark dst-address-type=!local in-interface=bridge-lan \
    new-connection-mark=ISP3_conn passthrough=yes per-connection-classifier=both-addresses:6/3
add action=mark-connection chain=prerouting connection-mark=no-mark dst-address-type=!local in-interface=bridge-lan \
    new-connection-mark=ISP3_conn passthrough=yes per-connection-classifier=both-addresses:6/4
add action=mark-connection chain=prerouting connection-mark=no-mark dst-address-type=!local in-interface=bridge-lan \
    new-connection-mark=ISP3_conn passthrough=yes per-connection-classifier=both-addresses:6/5
add action=mark-routing chain=prerouting connection-mark=ISP1_conn in-interface=bridge-lan new-routing-mark=to_ISP1 passthrough=yes
add action=mark-routing chain=prerouting connection-mark=ISP2_conn in-interface=bridge-lan new-routing-mark=to_ISP2 passthrough=yes
add action=mark-routing chain=prerouting connection-mark=ISP3_conn in-interface=bridge-lan new-routing-mark=to_ISP3 passthrough=yes
add action=mark-routing chain=output connection-mark=ISP1_conn new-routing-mark=to_ISP1 passthrough=yes
add action=mark-routing chain=output connection-mark=ISP2_conn new-routing-mark=to_ISP2 passthrough=yes
add action=mark-routing chain=output connection-mark=ISP3_conn new-routing-mark=to_ISP3 passthrough=yes
/ip firewall nat
add action=masquerade chain=srcnat out-interface=ether1-isp1
add action=masquerade chain=srcnat out-interface=ether2-isp2
add action=src-nat chain=srcnat out-interface=ether3-isp3 to-addresses=100.64.3.2
add action=dst-nat chain=dstnat dst-port=443 in-interface=ether1-isp1 protocol=tcp to-addresses=192.168.88.10
/ip route
add check-gateway=ping distance=1 gateway=100.64.1.1 routing-mark=to_ISP1
add check-gateway=ping distance=1 gateway=100.64.2.1 routing-mark=to_ISP2
add check-gateway=ping distance=1 gateway=100.64.3.1 routing-mark=to_ISP3
add check-gateway=ping distance=1 gateway=100.64.1.1
add check-gateway=ping distance=2 gateway=100.64.2.1
add check-gateway=ping distance=3 gateway=100.64.3.1
/system identity
set name=edge
