:global wan1gw 192.0.2.1; :global wan2gw "198.51.100.1"
:local ifs {"ether1";"ether2"}
:foreach i in=$ifs do={ /ip firewall mangle add chain=prerouting in-interface=$i action=mark-connection new-connection-mark=("c_" . $i) }
/ip address { add address=192.0.2.2/24 interface=ether1; add address=198.51.100.2/24 interface=ether2 ; add address="10.0.0.1/24" interface="br lan" }
/ip route add dst-address=0.0.0.0/0 gateway=$wan1gw,$wan2gw check-gateway=ping
/ip route
:do { add gateway=$wan1gw routing-mark="to isp1" } on-error={ :put "failed" }
add gateway=($wan2gw) routing-mark=to_isp2
add gateway=$wan3gw distance=5
/ip firewall mangle
add chain=prerouting src-address=10.0.0.0/25 action=mark-routing new-routing-mark="to isp1" passthrough=no comment="half; of # the \"LAN\""
add chain=prerouting src-address=10.0.0.0/25 action=mark-routing new-routing-mark=to_isp2 passthrough=no
add chain=prerouting src-address=10.0.0.0/26 action=mark-routing new-routing-mark=to_isp2
set [find new-routing-mark=to_isp2] passthrough=no
remove [find comment~"old"]
/ip firewall nat add chain=srcnat out-interface=ether1 action=masquerade; add chain=srcnat out-interface=ether2 action=masquerade
:if ([:len [/ip route find where dst-address=0.0.0.0/0]] > 1) do={ :log info "two" } else={ :log warning "one [ bracket" }
