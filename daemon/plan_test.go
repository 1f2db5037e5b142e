package daemon

import (
	"reflect"
	"slices"
	"testing"

	"github.com/ecmpd/ecmpd/config"
)

// Every part of a configuration that the engine does not see is a section of the plan.
func TestPlanKnowsEveryField(t *testing.T) {
	without := []string{"OSPF", "Warnings", "Unready"}
	typ := reflect.TypeFor[config.Config]()
	for n := range typ.NumField() {
		f := typ.Field(n)
		if !f.IsExported() || slices.Contains(without, f.Name) {
			continue
		}
		parts := 1
		if nested := []string{"ECMP", "Transit", "Kernel"}; slices.Contains(nested, f.Name) {
			parts = f.Type.NumField()
		}
		for part := range parts {
			var c config.Config
			v, name := reflect.ValueOf(&c).Elem().Field(n), f.Name
			if parts > 1 {
				name += "." + f.Type.Field(part).Name
				v = v.Field(part)
			}
			other(v)
			if !slices.ContainsFunc(sections[:], func(s section) bool {
				return !reflect.DeepEqual(s.value(&c), s.value(&config.Config{}))
			}) {
				t.Errorf("%s has no row in plan.go: what does a reload do about it?", name)
			}
		}
	}
}

// other makes a value other than zero.
func other(v reflect.Value) {
	switch v.Kind() {
	case reflect.Bool:
		v.SetBool(true)
	case reflect.String:
		v.SetString("x")
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
	case reflect.Struct:
		other(v.Field(0))
	default:
		v.Set(reflect.ValueOf(1).Convert(v.Type()))
	}
}
