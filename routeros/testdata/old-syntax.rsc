# before prefix lengths were written, and weights by repetition
/ip address add address=10.111.0.2 network=10.111.0.0 broadcast=10.111.0.255 interface=ether1
/ip address add address=10.112.0.2/32 network=10.112.0.1 interface=ether2
/ip route add gateway=10.111.0.1,10.112.0.1,10.112.0.1,pppoe-out1 check-gateway=ping
