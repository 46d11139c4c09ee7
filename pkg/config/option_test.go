package config

import (
	"reflect"
	"slices"
	"testing"
)

// fieldsWithout are the exported fields of T that no option is kept in.
func fieldsWithout[T any](all options[T]) (names []string) {
	var t T
	v := reflect.ValueOf(&t).Elem()
	for i := range v.NumField() {
		kept := func(o option[T]) bool { return o.field != nil && o.field(&t) == v.Field(i).Addr().Interface() }
		if v.Type().Field(i).IsExported() && !slices.ContainsFunc(all, kept) {
			names = append(names, v.Type().Field(i).Name)
		}
	}
	return names
}

// Whatever an entry can say is described: a field that no option leads to would be neither approved, nor shown, nor copied.
func TestEveryFieldHasAnOption(t *testing.T) {
	for _, c := range []struct {
		of        string
		got, want []string
	}{
		{"Server", fieldsWithout(serverOptions), []string{ // what the file says in another way, and what is found out
			"Unset", "Confirmed", "Spelt", "Workspace", "Refused", "Held", "Path", "Line", "Column"}},
		{"OAuth", fieldsWithout(oauthOptions), nil},
		{"Isolation", fieldsWithout(isolationOptions), []string{"Fresh", "Inspected"}},
	} {
		if !slices.Equal(c.got, c.want) {
			t.Errorf("%s: the fields %v have no option, and %v are expected to have none", c.of, c.got, c.want)
		}
	}
}

// A descriptor is whole: it can be read, it says what it is for, and texts that are replaced are texts.
func TestOptionsAreDescribed(t *testing.T) {
	described(t, "", serverOptions)
	described(t, "oauth.", oauthOptions)
	described(t, "isolation.", isolationOptions)
	for _, o := range fileOptions {
		if o.meaning == "" || o.field == nil && o.kind == "" {
			t.Errorf("%s does not say what it is for, or how it is read", o.name)
		}
	}
}

func described[T any](t *testing.T, prefix string, all options[T]) {
	seen := map[string]bool{}
	for _, o := range all {
		name := prefix + o.name
		if seen[o.name] || o.meaning == "" || o.field == nil && (o.read == nil || o.kind == "") {
			t.Errorf("%s is there twice, or does not say what it is for or how it is read", name)
		}
		seen[o.name] = true
		if o.field == nil {
			continue
		}
		field := reflect.TypeOf(o.field(new(T))).Elem()
		if o.standard != nil && (reflect.TypeOf(o.standard) != field || o.values != nil && !slices.Contains(o.values, o.standard.(string))) {
			t.Errorf("%s has a default of another type, or one that it can't be", name)
		}
	}
}
