# by RouterOS 7.6
:global wan1 "ether1"
:local gw 10.0.0.1
{
  :local i 1
  /ip route add gateway=$gw distance=$i
  /ip address add address="10.0.0.2/24" interface=ether1
}
/ip route
:foreach r in=[find where comment~"isp"] do={
  set $r disabled=yes
  # it's a trap: "
}
:if ([:len [find dst-address=0.0.0.0/0]] = 0) do={
  add gateway=10.0.0.1
} else={ :log info "there" }
add gateway=10.0.0.1 comment="the only; one"; add dst-address=10.9.0.0/16 gateway=10.0.0.9
set [ find gateway=10.0.0.1 ] distance=3
remove [find]
/system script add name=x dont-require-permissions=no source={
  /ip route add gateway=6.6.6.6
}
foreach x in={1;2} do={ /ip route add gateway=7.7.7.7 }
