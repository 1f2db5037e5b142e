package config

import "testing"

func TestPlace(t *testing.T) {
	c, err := Parse("f.yaml", []byte(`router-id: 10.0.0.1
ospf:
  areas:
    - area-id: 0.0.0.0
      interfaces:
        - {match: vpn1, cost: 7}
        - match: [vpn2, vpn3]
          authentication: {key-id: 1, algorithm: md5, key: hunter2}
`))
	if err != nil {
		t.Fatal(err)
	}
	interfaces := func(path ...any) []any { return append([]any{"ospf", "areas", 0, "interfaces"}, path...) }
	for _, row := range []struct {
		path []any
		want Place
	}{
		{nil, Place{1, 1, "", true}},
		{[]any{"router-id"}, Place{1, 1, "10.0.0.1", true}},
		{interfaces(0, "cost"), Place{6, 25, "7", true}},
		{interfaces(0, "passive"), Place{6, 11, "", false}}, // left out: the entry
		{interfaces(1), Place{7, 11, "", true}},
		{interfaces(1, "match"), Place{7, 11, "", true}},
		{interfaces(1, "authentication", "algorithm"), Place{8, 39, "md5", true}},
		{interfaces(1, "authentication", "key"), Place{8, 55, "", true}},
		{interfaces(2, "cost"), Place{5, 7, "", false}},
		{[]any{"kernel", "metric"}, Place{1, 1, "", false}},
		{[]any{"router-id", 3, "x"}, Place{1, 1, "", false}},
	} {
		if got := c.Place(row.path...); got != row.want {
			t.Errorf("%v: %+v, want %+v", row.path, got, row.want)
		}
	}
}

func TestPlaceOfChange(t *testing.T) {
	parse := func(text string) *Config {
		c, err := Parse("f.yaml", []byte("router-id: 10.0.0.1\nospf:\n  redistribute:\n"+text))
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	running := parse("    - {source: static, metric: 5}\n    - {source: kernel, metric: 6}\n")
	path := []any{"ospf", "redistribute"}
	for _, row := range []struct {
		text    string
		is, was Place
	}{
		{"    - {source: static, metric: 5}\n    - {source: kernel, metric: 7}\n", Place{5, 24, "7", true}, Place{5, 24, "6", true}},
		{"    - {source: static, metric: 5, tag: 3}\n    - {source: kernel, metric: 6}\n", Place{4, 35, "3", true}, Place{4, 7, "", false}},
		{"    - {source: static, metric: 5}\n", Place{3, 3, "", false}, Place{5, 7, "", true}},
	} {
		is, was := parse(row.text).PlaceOfChange(path, running, path)
		if is != row.is || was != row.was {
			t.Errorf("%q: %+v, was %+v, want %+v, %+v", row.text, is, was, row.is, row.was)
		}
	}
}
