package routeros_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/ecmpd/ecmpd/routeros"
)

// mistakes lists what is wrong with a script as "line kind", without the notes.
func mistakes(r routeros.Result) []string {
	list := []string{}
	for _, f := range r.Findings {
		if !f.Note {
			list = append(list, fmt.Sprintf("%d:%d %s", f.Line, f.Column, f.Kind))
		}
	}
	return list
}

// Each mistake in the scripts that users posted is found, at its place and by its name.
func TestSeedMistakes(t *testing.T) {
	for name, want := range map[string][]string{
		"seed-000.rsc": {
			"3:56 empty-value",   // src-address-list=\, and the next line is another rule
			"5:5 list-undefined", // conntracked
			"5:18 empty-value",   // src-address=
		},
		"seed-001.rsc": {
			"1:18 empty-value", "1:27 empty-value",
			"2:1 no-menu", "2:5 empty-value", "2:14 empty-value",
			"3:1 no-menu", "3:5 empty-value", "3:14 empty-value",
			"5:1 no-menu",
			"6:16 empty-value", "6:29 empty-value",
		},
		"seed-002.rsc": {},
		"seed-003.rsc": {
			"15:79 mark-unused",         // wlan2_conn
			"15:79 reply-missing",       // of wlan2
			"17:82 mark-overridden",     // wlan1_conn twice
			"17:82 reply-missing",       // of wlan1
			"20:35 crossed-gateway",     // wlan1_conn goes to the gateway of wlan2
			"21:35 gateway-own-address", // 10.111.0.2
		},
		"seed-003-explained.rsc": {
			"12:79 mark-unused", "12:79 reply-missing", "14:82 mark-overridden", "14:82 reply-missing",
			"16:35 crossed-gateway", "17:35 gateway-own-address",
		},
	} {
		if got := mistakes(imported(t, name, script(t, name))); !slices.Equal(got, want) {
			t.Errorf("%s:\n%q, want\n%q", name, got, want)
		}
	}
}

// The script that works gives a configuration with nothing commented out.
func TestSeedThatRuns(t *testing.T) {
	r := imported(t, "seed-002.rsc", script(t, "seed-002.rsc"))
	for _, want := range []string{
		"interface: wlan1 ", "gateway: 10.111.0.1 ", "interface: wlan2 ", "gateway: 10.112.0.1 ", "nat: masquerade ",
		"check: {targets: [gateway]} ", "balance: per-address-pair ", "reply-through-ingress: true ",
	} {
		if !strings.Contains(r.YAML, want) {
			t.Errorf("%q is missing in\n%s", want, r.YAML)
		}
	}
	if strings.Contains(r.YAML, "commented out") {
		t.Error(r.YAML)
	}
}

// Repaired as the findings say, the script with mistakes is as good.
func TestSeedRepaired(t *testing.T) {
	text := script(t, "seed-003.rsc")
	for _, repair := range [][2]string{
		// mark-unused, mark-overridden, reply-missing: the second rule is for the other connections.
		{"connection-mark=wlan1_conn action=mark-routing new-routing-mark=to_wla2", "connection-mark=wlan2_conn action=mark-routing new-routing-mark=to_wla2"},
		// crossed-gateway: what came in through wlan1 is answered through its own gateway.
		{"gateway=10.111.0.1 routing-mark=to_wla1", "gateway=10.112.0.1 routing-mark=to_wla1"},
		// gateway-own-address: the provider's is meant.
		{"gateway=10.111.0.2 routing-mark=to_wla2", "gateway=10.111.0.1 routing-mark=to_wla2"},
	} {
		if strings.Count(text, repair[0]) != 1 {
			t.Fatalf("%q is not there once", repair[0])
		}
		text = strings.Replace(text, repair[0], repair[1], 1)
	}
	if text != script(t, "seed-003-repaired.rsc") {
		t.Error("seed-003-repaired.rsc, which the integration tests run, is another script")
	}
	r := imported(t, "repaired.rsc", text)
	if got := mistakes(r); len(got) > 0 {
		t.Errorf("still wrong: %q", got)
	}
	if !strings.Contains(r.YAML, "  reply-through-ingress: true ") || strings.Contains(r.YAML, "commented out") {
		t.Error(r.YAML)
	}
}

// What is incomplete is there, commented out.
func TestSeedIncomplete(t *testing.T) {
	for name, wants := range map[string][]string{
		"seed-000.rsc": {"# commented out: src-address-list in line 2 has no value\n# transit:\n#   mode: notrack ", "#   forward-accept: true "},
		"seed-001.rsc": {"# commented out: no uplink is complete\n# wan:\n", "#       interface: wlan1 ", "#       gateway: ?", "#       interface: wlan2 "},
	} {
		r := imported(t, name, script(t, name))
		for _, want := range wants {
			if !strings.Contains(r.YAML, want) {
				t.Errorf("%s: %q is missing in\n%s", name, want, r.YAML)
			}
		}
	}
}

// A page that quotes its script a second time, with prose between, is read as well.
func TestProse(t *testing.T) {
	quoted := script(t, "seed-002.rsc")
	r := imported(t, "page", "A page on ECMP\n\nIt's \"simple\" (really):\n\n"+quoted+"\nExplanation\n\nSo that's it; now again:\n"+quoted+"\nLeave a reply *\n")
	if len(r.Findings) == 0 || strings.Contains(r.YAML, "commented out") || strings.Count(r.YAML, "- name:") != 2 {
		t.Error(report(r))
	}
	for _, f := range r.Findings {
		if !f.Note && f.Kind != routeros.Repeated {
			t.Errorf("%s: %s", f.Kind, f.Message)
		}
	}
	if r = imported(t, "prose", "Add two routes.\nIf you set this, it works.\n"); r.Commands != 0 {
		t.Errorf("%d commands in prose", r.Commands)
	}
}
