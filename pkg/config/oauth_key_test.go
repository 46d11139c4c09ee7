package config

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
)

// Each option makes another launch and another instance, without a list that a new one could be missing in.
func TestOAuthKeys(t *testing.T) {
	launches, instances := map[string]string{}, map[string]string{}
	see := func(what string, o *OAuth) {
		s := &Server{Protocol: ProtocolHTTP, URL: "https://h", OAuth: o}
		for seen, key := range map[*map[string]string]string{&launches: s.LaunchKey(), &instances: s.InstanceKey(Launch{Protocol: s.Protocol, URL: s.URL, OAuth: o})} {
			if other := (*seen)[key]; other != "" {
				t.Errorf("%s has the key of %s", what, other)
			}
			(*seen)[key] = what
		}
	}
	see("none", nil)
	see("the default", &OAuth{Login: LoginAsk, Grant: GrantCode})
	see("no scopes", &OAuth{Login: LoginAsk, Grant: GrantCode, Scopes: []string{}})
	see("two scopes", &OAuth{Login: LoginAsk, Grant: GrantCode, Scopes: []string{"a", "b"}})
	see("another secret", &OAuth{Login: LoginAsk, Grant: GrantCode, ClientSecret: "${env:V}"})
	see("another value", &OAuth{Login: LoginAsk, Grant: GrantCode, AuthorizeParams: []Var{{"x", "y"}}})
	for i := range reflect.TypeFor[OAuth]().NumField() {
		o := &OAuth{Login: LoginAsk, Grant: GrantCode}
		field := reflect.ValueOf(o).Elem().Field(i)
		switch field.Kind() {
		case reflect.String:
			field.SetString("x")
		case reflect.Bool:
			field.SetBool(true)
		case reflect.Int:
			field.SetInt(1)
		default:
			field.Set(reflect.MakeSlice(field.Type(), 1, 1))
			if field.Type().Elem() == reflect.TypeFor[Var]() {
				field.Index(0).Set(reflect.ValueOf(Var{"x", "x"}))
			} else {
				field.Index(0).SetString("x")
			}
		}
		see(reflect.TypeFor[OAuth]().Field(i).Name, o)
	}
}

// The order of what has none does not count.
func TestOAuthLaunchKeyStays(t *testing.T) {
	key := func(oauth string) string { return loginOf(t, oauth).LaunchKey() }
	for _, same := range [][2]string{
		{`{"client_id": "i", "client_secret": "v1"}`, `{"client_secret": "v1", "client_id": "i"}`},
		{`{"authorize_params": {"a": "1", "b": "2"}}`, `{"authorize_params": {"b": "2", "a": "1"}}`},
		{`{}`, `{"login": "ask", "grant": "authorization_code", "omit_resource": false}`},
		{`{"scopes": ["a", "b"]}`, `{"scopes": "a b"}`},
	} {
		if key(same[0]) != key(same[1]) {
			t.Errorf("%s and %s are two launches", same[0], same[1])
		}
	}
	seen := map[string]string{}
	for _, oauth := range []string{
		`{"client_id": "i"}`, `{"client_id": "i", "client_secret": "v"}`, `{"client_id": "i", "client_secret": "${env:A}"}`,
		`{"client_id": "i", "client_secret": "v${env:A}"}`, `{"client_id": "i", "client_secret": "${env:A}v"}`, `{"client_id": "i", "client_secret": "${keyring:A}"}`, `{"client_id": "${env:A}"}`,
	} {
		if other := seen[key(oauth)]; other != "" {
			t.Errorf("%s is the same launch as %s", oauth, other)
		}
		seen[key(oauth)] = oauth
	}
	text := loginOf(t, `{"client_id": "i", "client_secret": "topsecret", "account": "a"}`).Launch()
	if !json.Valid(text) || strings.Contains(string(text), "topsecret") || !strings.Contains(string(text), `"client_secret":{"literal":"`) {
		t.Errorf("%s", text)
	}
}
