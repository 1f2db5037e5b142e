package api

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
)

// bodies are the zero values of everything that the server can answer.
var bodies = []any{
	Neighbors{}, Interfaces{}, Database{}, LSADetails{}, Hostnames{}, BorderRouters{}, Routes{}, NextHops{}, TransitBody{}, WANBody{}, BGPBody{}, BGPPaths{}, BGPAnnouncements{}, BFD{}, SymmetryBody{}, Status{}, Explain{}, Doctor{},
}

// A slice or map that is not one of ours would encode as null when empty.
func TestListsAreNeverNull(t *testing.T) {
	for _, body := range bodies {
		typ := reflect.TypeOf(body)
		full := reflect.New(typ).Elem()
		oneOfEach(t, typ.Name(), full)
		for _, v := range []any{body, full.Interface()} {
			text, err := json.Marshal(v)
			if err != nil {
				t.Fatal(err)
			}
			if strings.Contains(string(text), "null") {
				t.Errorf("%s encodes with null: %s", typ.Name(), text)
			}
		}
	}
}

// oneOfEach puts one zero element into every list below v and fails on types
// that the JSON of the API does not use.
func oneOfEach(t *testing.T, path string, v reflect.Value) {
	t.Helper()
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			field := v.Type().Field(i)
			tag := field.Tag.Get("json")
			if !field.Anonymous && (tag == "" || strings.Contains(tag, ",") || strings.ToLower(tag[:1]) != tag[:1]) {
				t.Errorf("%s.%s: tag %q is not one camelCase key", path, field.Name, tag)
			}
			oneOfEach(t, path+"."+field.Name, v.Field(i))
		}
	case reflect.Slice:
		if v.Type() == reflect.TypeFor[Document]() {
			return
		}
		if !v.Type().Implements(reflect.TypeFor[json.Marshaler]()) {
			t.Errorf("%s is a %s: use List", path, v.Type())
		}
		elem := reflect.New(v.Type().Elem()).Elem()
		oneOfEach(t, path+"[]", elem)
		v.Set(reflect.Append(v, elem))
	case reflect.Map:
		if !v.Type().Implements(reflect.TypeFor[json.Marshaler]()) {
			t.Errorf("%s is a %s: use Counts", path, v.Type())
		}
	case reflect.String, reflect.Bool, reflect.Int, reflect.Int64, reflect.Uint32, reflect.Uint64:
	default:
		t.Errorf("%s is a %s, which is no value of the API", path, v.Type())
	}
}

// The keys that scripts rely on.
func TestPromisedKeys(t *testing.T) {
	route := Route{NextHops: []Hop{{}}}
	for _, row := range []struct {
		body any
		list string // path to an object, joined by dots
		keys string
	}{
		{Neighbors{[]Neighbor{{}}}, "neighbors", "routerId address interface area state role why"},
		{Routes{[]Route{route}}, "routes", "prefix protocol type cost distance installed nexthops"},
		{Routes{[]Route{route}}, "routes.nexthops", "via interface routerId weight installed"},
		{NextHops{[]Group{{Members: []Member{{}}}}}, "groups.members", "id via interface routerId weight installed"},
		{BGPBody{BGP{Neighbors: []BGPNeighbor{{}}}}, "bgp.neighbors", "peer as state sinceMsec received accepted reason"},
		{BGPAnnouncements{[]BGPAnnouncement{{}}}, "announcements", "network peer announced rule asPath attributes"},
		{BGPPaths{[]BGPPath{{}}}, "paths", "network nextHop asPath ageMsec attributes best used reason"},
		{BFD{BFDSessions{Sessions: []BFDSession{{}}}}, "bfd.sessions", "peer interface state detectionTimeUsec failureCount why"},
		{SymmetryBody{Symmetry{Pairs: []SymmetryPair{{}}}}, "symmetry.pairs", "area a b symmetric through why"},
		{TransitBody{}, "transit", "mode prefixes interfaces holes inSync blockedBy mayTranslate policy"},
		{TransitBody{Transit{Holes: []Hole{{}}}}, "transit.holes", "prefix reason"},
		{TransitBody{Transit{BlockedBy: []Blocker{{}}}}, "transit.blockedBy", "family table chain"},
		{TransitBody{Transit{Policy: []PolicyRule{{}}}}, "transit.policy", "number from to protocol ports action packets"},
		{WANBody{WAN{Uplinks: []Uplink{{}}}}, "wan.uplinks", "name state used reason sinceMsec interface gateway tier weight sharePercent measuredPercent pinned targets"},
		{Explain{}, "forward", "tracked rule table group via interface"},
		{Explain{}, "reverse", "tracked rule table group via interface"},
		{map[string]any{"explain": Explain{}}, "explain", "forward reverse sameHub"},
	} {
		text, err := json.Marshal(row.body)
		if err != nil {
			t.Fatal(err)
		}
		var at any
		if err := json.Unmarshal(text, &at); err != nil {
			t.Fatal(err)
		}
		for step := range strings.SplitSeq(row.list, ".") {
			at = at.(map[string]any)[step]
			if list, ok := at.([]any); ok {
				at = list[0]
			}
		}
		for key := range strings.FieldsSeq(row.keys) {
			if _, ok := at.(map[string]any)[key]; !ok {
				t.Errorf("%s has no key %s: %s", row.list, key, text)
			}
		}
	}
}

func TestDecodeWhatWasEncoded(t *testing.T) {
	in := NextHops{[]Group{{ID: 9, Members: []Member{{ID: 4, Hop: hop}}, Routes: 2}}}
	text, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	var out NextHops
	if err := json.Unmarshal(text, &out); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(in, out) {
		t.Errorf("got %+v\nwant %+v", out, in)
	}
}
