/ip firewall raw
    add action=accept chain=prerouting comment=\
    "force connection tracking for local net sourcing" src-address-list=\
    add action=notrack chain=prerouting comment="ECMP for VPN" dst-address-list=\
    !conntracked src-address=
/ip firewall filter
    add action=accept chain=forward connection-state=untracked
