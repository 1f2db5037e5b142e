# RouterOS 7, from a terminal with slashes throughout
/ip/address/add address=10.40.1.2/24 interface=isp1 comment="a \"quoted\" [name]; not { a } block"
/ip/address/add address=10.40.2.2/24 interface=isp2
/ip/address/add address=10.40.3.2/32 network=10.40.3.1 interface=isp3
/ip/address/add address=192.168.0.1/24 interface=lan
/routing/table/add name=rt1 fib; /routing/table/add name=rt2 fib; /routing/table/add name=rt3 fib
/ip/route/add dst-address=0.0.0.0/0 gateway=10.40.1.1 routing-table=rt1 check-gateway=ping
/ip/route/add dst-address=0.0.0.0/0 gateway=10.40.2.1%isp2 routing-table=rt2 check-gateway=ping
/ip/route/add dst-address=0.0.0.0/0 gateway=10.40.3.1 routing-table=rt3 check-gateway=ping
/ip/route/add dst-address=0.0.0.0/0 gateway=10.40.1.1 distance=1
/ip/route/add dst-address=0.0.0.0/0 gateway=10.40.2.1 distance=2
/ip/route/add dst-address=0.0.0.0/0 gateway=10.40.3.1 distance=3
/ip/firewall/mangle/add chain=prerouting in-interface=lan dst-address-list=!LOCAL connection-mark=no-mark per-connection-classifier=both-addresses:6/0 action=mark-connection new-connection-mark=k1
/ip/firewall/mangle/add chain=prerouting in-interface=lan dst-address-list=!LOCAL connection-mark=no-mark per-connection-classifier=both-addresses:6/1 action=mark-connection new-connection-mark=k1
/ip/firewall/mangle/add chain=prerouting in-interface=lan dst-address-list=!LOCAL connection-mark=no-mark per-connection-classifier=both-addresses:6/2 action=mark-connection new-connection-mark=k1
/ip/firewall/mangle/add chain=prerouting in-interface=lan dst-address-list=!LOCAL connection-mark=no-mark per-connection-classifier=both-addresses:6/3 action=mark-connection new-connection-mark=k2
/ip/firewall/mangle/add chain=prerouting in-interface=lan dst-address-list=!LOCAL connection-mark=no-mark per-connection-classifier=both-addresses:6/4 action=mark-connection new-connection-mark=k2
/ip/firewall/mangle/add chain=prerouting in-interface=lan dst-address-list=!LOCAL connection-mark=no-mark per-connection-classifier=both-addresses:6/5 action=mark-connection new-connection-mark=k3
/ip/firewall/mangle/add chain=prerouting in-interface=lan connection-mark=k1 action=mark-routing new-routing-mark=rt1 passthrough=no
/ip/firewall/mangle/add chain=prerouting in-interface=lan connection-mark=k2 action=mark-routing new-routing-mark=rt2 passthrough=no
/ip/firewall/mangle/add chain=prerouting in-interface=Lan connection-mark=k3 action=mark-routing new-routing-mark=rt3 passthrough=no
/ip/firewall/mangle/add chain=prerouting in-interface=lan src-address=192.168.0.64/26 action=mark-routing new-routing-mark= passthrough=no
/routing/rule/add src-address=192.168.0.128/25 action=lookup-only-in-table table=rt2
/routing/rule/add dst-address=198.51.100.0/24 action=lookup-only-in-table table=rt9
/ip/firewall/nat/add chain=srcnat out-interface=isp1 action=masquerade
/ip/firewall/nat/add chain=srcnat out-interface=isp2 action=masquerade
/ip/firewall/nat/add chain=srcnat out-interface=isp3 action=masquerade src-address=192.168.0.0/24
/ip/firewall/filter/add chain=forward action=fasttrack-connection connection-state=established,related hw-offload=yes
/ip/route/set [find where distance=2 and gateway="10.40.2.1"] disabled=yes
