package api

import (
	"strings"
	"testing"
)

func TestMetrics(t *testing.T) {
	socket, _ := serve(t, &fake{})
	body, err := NewClient(socket).Body(t.Context(), PathMetrics)
	if err != nil {
		t.Fatal(err)
	}
	text := string(body)
	for line := range strings.Lines(`ecmpd_start_time_seconds 1.7673230455e+09
ecmpd_converged 1
ecmpd_config_last_reload_successful 1
ecmpd_fib_in_sync 1
ecmpd_fib_operations_total{op="route-add",result="ok"} 8
ecmpd_fib_routes{state="installed"} 2
ecmpd_fib_routes{state="missing"} 1
ecmpd_netlink_resyncs_total 1
ecmpd_nexthop_groups 1
ecmpd_notrack_prefixes 1
ecmpd_ospf_interface_up{area="0.0.0.0",interface="lan"} 0
ecmpd_ospf_interface_up{area="0.0.0.0",interface="vpn1"} 1
ecmpd_ospf_interface_cost{area="0.0.0.0",interface="vpn1"} 10
ecmpd_ospf_externals_limit 1
ecmpd_ospf_overflow 1
ecmpd_ospf_lsas_refused_total{scope="AS"} 5
ecmpd_ospf_lsdb_incomplete{scope="AS"} 1
ecmpd_ospf_lsdb_limit{scope="AS"} 9
ecmpd_ospf_lsas{area="",type="as-external"} 1
ecmpd_ospf_lsas{area="0.0.0.0",type="router"} 2
ecmpd_ospf_neighbor_state{area="0.0.0.0",interface="vpn1",neighbor="10.255.0.1",state="Full"} 1
ecmpd_ospf_neighbor_state{area="0.0.0.0",interface="vpn2",neighbor="10.255.0.2",state="ExStart"} 1
ecmpd_ospf_neighbor_state{area="0.0.0.0",interface="vpn2",neighbor="10.255.0.2",state="Full"} 0
ecmpd_ospf_neighbor_state{area="0.0.0.0",interface="vpn2",neighbor="10.0.0.9",state="Down"} 1
ecmpd_ospf_neighbor_transitions_total 6
ecmpd_ospf_neighbors{state="Full"} 1
ecmpd_ospf_neighbors{state="Down"} 1
ecmpd_ospf_packet_errors_total{reason="checksum"} 3
ecmpd_ospf_packets_total{direction="in",type="hello"} 9
ecmpd_ospf_retransmits_total 4
ecmpd_ospf_spf_runs_total 5
ecmpd_rib_routes{protocol="static"} 2
ecmpd_route_ecmp_paths{paths="1"} 2
ecmpd_transit_in_sync 1
ecmpd_bfd_packet_errors_total{reason="ttl"} 4
ecmpd_bfd_session_up{interface="vpn1",peer="10.0.0.1"} 1
ecmpd_bfd_session_up{interface="vpn2",peer="10.0.0.5"} 0
ecmpd_bfd_session_failures_total{interface="vpn1",peer="10.0.0.1"} 2
ecmpd_bfd_session_detection_time_seconds{interface="vpn1",peer="10.0.0.1"} 0.15
ecmpd_bfd_packets_total{direction="in",interface="vpn1",peer="10.0.0.1"} 8
ecmpd_bgp_worker_restarts_total 2
ecmpd_bgp_stale_paths 3
ecmpd_bgp_prefixes{direction="in"} 8
ecmpd_bgp_prefixes{direction="out"} 4
ecmpd_bgp_session_state{as="65001",neighbor="10.0.0.1"} 6
ecmpd_bgp_session_state{as="65002",neighbor="10.0.0.5"} 3
ecmpd_bgp_session_flaps_total{neighbor="10.0.0.1"} 1
ecmpd_bgp_neighbor_prefixes{kind="received",neighbor="10.0.0.1"} 9
ecmpd_wan_up{uplink="isp-a"} 1
ecmpd_wan_used{uplink="isp-a"} 1
ecmpd_wan_pinned_flows{uplink="isp-a"} 7
ecmpd_wan_new_connections_total{uplink="isp-a"} 99
ecmpd_wan_check_loss_ratio{target="gateway",uplink="isp-a"} 0.04
ecmpd_wan_check_rtt_seconds{target="gateway",uplink="isp-a"} 0.0015
`) {
		if !strings.Contains("\n"+text, "\n"+line) {
			t.Errorf("missing: %s", line)
		}
	}
	if !strings.Contains(text, `ecmpd_build_info{goversion="go`) || strings.Contains(text, "_count ") {
		t.Errorf("build info is missing, or a gauge is named _count")
	}
	// What this process costs is not part of a snapshot, and no prefix is a label.
	if strings.Contains(text, "go_goroutines") || strings.Contains(text, "10.10.") {
		t.Error("series that do not belong here")
	}
	if t.Failed() {
		t.Log(text)
	}
}

// One router id twice on one link costs that series, not the scrape.
func TestMetricsSurviveDuplicates(t *testing.T) {
	socket, _ := serve(t, twins{&fake{}})
	body, err := NewClient(socket).Body(t.Context(), PathMetrics)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(body), "ecmpd_ospf_spf_runs_total 5") {
		t.Errorf("the scrape is lost:\n%s", body)
	}
}
