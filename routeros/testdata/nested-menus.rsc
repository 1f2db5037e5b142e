{
:global gwA "10.1.1.1"
:global gwB "10.1.2.1"
:local cnt 0
:while ($cnt < 3) do={ :set cnt ($cnt + 1) }
/ip route remove [find where comment~"^lb-"]
/ip route add comment="lb-main" dst-address=0.0.0.0/0 gateway="$gwA,$gwB,$gwB" check-gateway=ping
/ip route add comment="lb-a" dst-address=0.0.0.0/0 gateway=$gwA routing-mark=A
/ip route add comment="lb-b" dst-address=0.0.0.0/0 gateway="$gwB%ether2" routing-mark=B
/ip route add comment="lb-c" dst-address=0.0.0.0/0 gateway=$"gwA" routing-mark=C
}
/ip address {
  add address=10.1.1.2/24 interface=ether1
  add address=10.1.2.2/24 interface=ether2
  :if (true) do={ add address=10.1.3.2/24 interface=ether3 }
  add address=172.30.0.1/16 interface=lan1
}
/ip firewall {
  mangle {
    add chain=prerouting in-interface=ether1 action=mark-connection new-connection-mark=mA
    add chain=prerouting in-interface=ether2 action=mark-connection new-connection-mark=mB
    add chain=prerouting connection-mark=mA in-interface=lan1 action=mark-routing new-routing-mark=A
    add chain=prerouting connection-mark=mB in-interface=lan1 action=mark-routing new-routing-mark=B
    add chain=output connection-mark=mA action=mark-routing new-routing-mark=A
    add chain=output connection-mark=mB action=mark-routing new-routing-mark=B
  }
  nat { add chain=srcnat out-interface=ether1 action=masquerade; add chain=srcnat out-interface=ether2 action=masquerade }
}
/ip route
add dst-address=10.50.0.0/16 gateway=172.30.0.2
