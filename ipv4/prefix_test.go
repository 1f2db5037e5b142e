package ipv4

import (
	"net/netip"
	"slices"
	"testing"
)

func TestPrefix(t *testing.T) {
	for text, want := range map[string]string{
		"0.0.0.0/0": "0.0.0.0/0", "10.1.2.3/8": "10.0.0.0/8", "10.1.2.3/32": "10.1.2.3/32",
		"255.255.255.255/32": "255.255.255.255/32", "128.0.0.0/1": "128.0.0.0/1",
	} {
		p, ok := PrefixOf(netip.MustParsePrefix(text))
		if !ok || p.String() != want || p.Netip() != netip.MustParsePrefix(want) {
			t.Errorf("%s is %s, %v; want %s", text, p, ok, want)
		}
	}
	for _, p := range []netip.Prefix{{}, netip.MustParsePrefix("2001:db8::/32")} {
		if _, ok := PrefixOf(p); ok {
			t.Errorf("%s counts as IPv4", p)
		}
	}
}

func TestOrder(t *testing.T) {
	sorted := []string{"0.0.0.0/0", "10.0.0.0/8", "10.0.0.0/9", "10.128.0.0/9", "192.0.2.0/24", "192.0.2.0/32", "192.0.2.1/32"}
	var list []Prefix
	for _, text := range sorted {
		p, _ := PrefixOf(netip.MustParsePrefix(text))
		list = append(list, p)
	}
	if !slices.IsSorted(list) {
		t.Error(list)
	}
}
