package config

import (
	"strings"
	"testing"
)

// loginTo is a file with an HTTP server whose oauth is line 2.
func loginTo(oauth string) string {
	return `{"mcpServers": [{"name": "n", "protocol": "http", "url": "https://h/mcp", "oauth":` + "\n" + oauth + `}]}`
}

// What is told about a login, and where exactly.
func TestOAuthProblems(t *testing.T) {
	for _, tt := range []struct{ oauth, want string }{
		{`true`, `error c.json:2:1: n: oauth must be an object (a boolean) – write {…}, or remove it`},
		{`[]`, `error c.json:2:1: n: oauth must be an object (an array) – write {…}, or remove it`},
		{`"topsecret"`, `error c.json:2:1: n: oauth must be an object (a string) – write {…}, or remove it`},
		{`{"login": "brwser"}`, `error c.json:2:11: n: oauth.login must be one of ask, browser ("brwser") – did you mean browser?`},
		{`{"login": 1}`, `error c.json:2:11: n: oauth.login must be a string (a number) – put it in double quotes`},
		{`{"login": ""}`, `error c.json:2:11: n: oauth.login is empty ("") – remove it, or write what belongs there`},
		{`{"grant": "client_credential"}`, `error c.json:2:11: n: oauth.grant must be one of authorization_code, client_credentials ("client_credential") – did you mean client_credentials?`},
		{`{"auth_method": "private_key_jwt"}`, `error c.json:2:17: n: oauth.auth_method must be one of none, client_secret_basic, client_secret_post ("private_key_jwt") – known are none, client_secret_basic, client_secret_post`},
		{`{"browser": true}`, `warning c.json:2:2: n: unknown option of oauth, ignored (browser) – known are login, grant, client_id, client_secret, client_name, client_metadata_url, auth_method, scopes, extra_scopes, resource, omit_resource, strict_resource, issuer, redirect_port, authorize_params, account, allow_private`},
		{`{"client_name": "a", "client_name": "b"}`, `error c.json:2:22: n: oauth has this option twice, and only one could count (client_name) – remove one of the two`},
		{`{"clientId": "x"}`, `warning c.json:2:2: n: unknown option of oauth, ignored (clientId) – did you mean client_id?`},
		{`{"callbackPort": 4000}`, `warning c.json:2:2: n: unknown option of oauth, ignored (callbackPort) – did you mean redirect_port?`},
		{`{"client_id": 7331}`, `error c.json:2:15: n: oauth.client_id must be a string (a number) – put it in double quotes`},
		{`{"client_id": ["topsecret"]}`, `error c.json:2:15: n: oauth.client_id must be a string (an array) – write one string`},
		{`{"client_id": "a\u0000"}`, `error c.json:2:15: n: oauth.client_id contains a NUL character (\u0000) – remove it`},
		{`{"client_id": "a\u001b[1m"}`, `error c.json:2:15: n: oauth.client_id has a character that cannot be printed – remove it`},
		{`{"client_id": "${ID}"}`, `error c.json:2:15: n: oauth.client_id has a reference that cannot be resolved: a bare name is no reference in this form (${ID}) – write ${env:ID}, or $${ for a literal ${`},
		{`{"client_name": "\u202eevil"}`, `error c.json:2:17: n: oauth.client_name has a character that cannot be printed – remove it`},
		{`{"client_secret": "topsecret"}`, `error c.json:2:19: n: oauth.client_secret has no client_id that it belongs to – add client_id, or remove client_secret to have a client registered`},
		{`{"client_secret": ""}`, `error c.json:2:19: n: oauth.client_secret is empty ("") – remove it, or write what belongs there`},
		{`{"grant": "client_credentials"}`, `error c.json:2:11: n: oauth.grant client_credentials needs client_id and client_secret – add those of the client that is registered for it`},
		{`{"grant": "client_credentials", "client_id": "i"}`, `error c.json:2:11: n: oauth.grant client_credentials needs client_secret – add "client_secret": "${keyring:NAME}"`},
		{`{"grant": "client_credentials", "client_secret": "topsecret"}`, `error c.json:2:11: n: oauth.grant client_credentials needs client_id and client_secret – add those of the client that is registered for it`},
		{`{"grant": "client_credentials", "client_id": "i", "client_secret": "topsecret", "login": "ask", "client_name": "n", "client_metadata_url": "https://h/p", "redirect_port": 4000, "authorize_params": {}}`, `warning c.json:2:90: n: oauth.login means nothing with grant client_credentials – remove it
warning c.json:2:112: n: oauth.client_name means nothing with grant client_credentials – remove it
warning c.json:2:140: n: oauth.client_metadata_url means nothing with grant client_credentials – remove it
warning c.json:2:172: n: oauth.redirect_port means nothing with grant client_credentials – remove it
warning c.json:2:198: n: oauth.authorize_params means nothing with grant client_credentials – remove it`},
		{`{"auth_method": "none", "client_id": "i", "client_secret": "topsecret"}`, `error c.json:2:17: n: oauth.auth_method none and oauth.client_secret contradict each other – remove one of the two`},
		{`{"auth_method": "client_secret_basic", "client_id": "i"}`, `error c.json:2:17: n: oauth.auth_method client_secret_basic needs client_secret – add "client_secret": "${keyring:NAME}"`},
		{`{"client_metadata_url": "http://127.0.0.1/c.json"}`, `error c.json:2:25: n: oauth.client_metadata_url is not https (http) – write "https://host/path"`},
		{`{"client_metadata_url": "https://h"}`, `error c.json:2:25: n: oauth.client_metadata_url has no path (https://h) – write the address of the document itself`},
		{`{"client_metadata_url": "https://h/"}`, `error c.json:2:25: n: oauth.client_metadata_url has no path (https://h) – write the address of the document itself`},
		{`{"client_metadata_url": "https://h/c.json#topsecret"}`, `error c.json:2:25: n: oauth.client_metadata_url has a fragment (https://h) – remove # and what follows`},
		{`{"client_metadata_url": "https://u:topsecret@h/c.json"}`, `error c.json:2:25: n: oauth.client_metadata_url carries a user name or password (https://h) – remove it`},
		{`{"client_metadata_url": "https:///c.json"}`, `error c.json:2:25: n: oauth.client_metadata_url has no host (https:) – write "https://host/path"`},
		{`{"client_metadata_url": "c.json"}`, `error c.json:2:25: n: oauth.client_metadata_url is not https – write "https://host/path"`},
		{`{"issuer": "http://h/topsecret"}`, `error c.json:2:12: n: oauth.issuer is neither https nor http on this machine (http) – write "https://host/path"`},
		{`{"issuer": "http://localhost.evil.com"}`, `error c.json:2:12: n: oauth.issuer is neither https nor http on this machine (http) – write "https://host/path"`},
		{`{"issuer": "javascript:topsecret"}`, `error c.json:2:12: n: oauth.issuer is neither https nor http on this machine (javascript) – write "https://host/path"`},
		{`{"issuer": "https:topsecret"}`, `error c.json:2:12: n: oauth.issuer has no host (https:) – write "https://host/path"`},
		{`{"issuer": "h"}`, `error c.json:2:12: n: oauth.issuer is neither https nor http on this machine – write "https://host/path"`},
		{`{"issuer": "https://h/%"}`, `error c.json:2:12: n: oauth.issuer cannot be read – write "https://host/path"`},
		{`{"issuer": "https://h/?a=topsecret"}`, `error c.json:2:12: n: oauth.issuer has a query, which no issuer has (https://h) – remove ? and what follows`},
		{`{"resource": "http://h"}`, `error c.json:2:14: n: oauth.resource is neither https nor http on this machine (http) – write "https://host/path"`},
		{`{"resource": "https://h#topsecret"}`, `error c.json:2:14: n: oauth.resource has a fragment (https://h) – remove # and what follows`},
		{`{"resource": "https://h/a b"}`, `error c.json:2:14: n: oauth.resource cannot be read – write "https://host/path"`},
		{`{"resource": "/mcp"}`, `error c.json:2:14: n: oauth.resource is neither https nor http on this machine – write "https://host/path"`},
		{`{"resource": "https://h/mcp", "omit_resource": true}`, `error c.json:2:48: n: oauth.resource and oauth.omit_resource contradict each other – remove one of the two`},
		{`{"omit_resource": "yes"}`, `error c.json:2:19: n: oauth.omit_resource must be true or false ("yes") – write it without quotes`},
		{`{"allow_private": "true"}`, `error c.json:2:19: n: oauth.allow_private must be true or false ("true") – write it without quotes`},
		{`{"redirect_port": 0}`, `error c.json:2:19: n: oauth.redirect_port must be a whole number from 1 to 65535 (0) – write the port that is registered, or remove it to take any`},
		{`{"redirect_port": 65536}`, `error c.json:2:19: n: oauth.redirect_port must be a whole number from 1 to 65535 (65536) – write the port that is registered, or remove it to take any`},
		{`{"redirect_port": 80.5}`, `error c.json:2:19: n: oauth.redirect_port must be a whole number from 1 to 65535 (80.5) – write the port that is registered, or remove it to take any`},
		{`{"redirect_port": "4000"}`, `error c.json:2:19: n: oauth.redirect_port must be a whole number from 1 to 65535 ("4000") – write the port that is registered, or remove it to take any`},
		{`{"redirect_port": 80}`, `warning c.json:2:19: n: oauth.redirect_port is below 1024, where only administrators may listen on many systems (80) – register a higher one`},
		{`{"scopes": 5}`, `error c.json:2:12: n: oauth.scopes must be an array of strings (a number) – write ["…", "…"]`},
		{`{"scopes": {"a": true}}`, `error c.json:2:12: n: oauth.scopes must be an array of strings (an object) – write ["…", "…"]`},
		{`{"scopes": ["a", 7331]}`, `error c.json:2:18: n: oauth.scopes must be a string (a number) – put it in double quotes`},
		{`{"scopes": ["a", "b c"]}`, `error c.json:2:18: n: oauth.scopes has something that is not a scope ("b c") – a scope has letters, digits and signs other than quotes and backslashes, and no spaces`},
		{`{"scopes": ["a", ""]}`, `error c.json:2:18: n: oauth.scopes has something that is not a scope ("") – a scope has letters, digits and signs other than quotes and backslashes, and no spaces`},
		{`{"scopes": "a b\\c d"}`, `error c.json:2:12: n: oauth.scopes has something that is not a scope ("b\\c") – a scope has letters, digits and signs other than quotes and backslashes, and no spaces`},
		{`{"scopes": ["\"a\""]}`, `error c.json:2:13: n: oauth.scopes has something that is not a scope ("\"a\"") – a scope has letters, digits and signs other than quotes and backslashes, and no spaces`},
		{`{"extra_scopes": ["a", "ü"]}`, `error c.json:2:24: n: oauth.extra_scopes has something that is not a scope ("ü") – a scope has letters, digits and signs other than quotes and backslashes, and no spaces`},
		{`{"extra_scopes": "a\u007f"}`, `error c.json:2:18: n: oauth.extra_scopes has something that is not a scope ("a\x7f") – a scope has letters, digits and signs other than quotes and backslashes, and no spaces`},
		{`{"authorize_params": ["topsecret"]}`, `error c.json:2:22: n: oauth.authorize_params must be an object of strings (an array) – write {"NAME": "value"}`},
		{`{"authorize_params": {"prompt": {}}}`, `error c.json:2:33: n: oauth.authorize_params.prompt must be a string (an object) – write one string`},
		{`{"authorize_params": {"prompt": "login", "state": "topsecret"}}`, `error c.json:2:42: n: oauth.authorize_params: is a parameter that the login sets itself (state) – remove it`},
		{`{"authorize_params": {"": "topsecret"}}`, `error c.json:2:23: n: oauth.authorize_params: is not the name of a parameter – names have printable characters`},
		{`{"authorize_params": {"a": "${keyring:}"}}`, `error c.json:2:28: n: oauth.authorize_params.a has a reference that cannot be resolved: keyring: wants the name of a secret (${keyring:}) – write ${keyring:NAME}, of letters, digits and _ . @ + -`},
		{`{"account": ""}`, `error c.json:2:13: n: oauth.account is empty ("") – remove it, or write what belongs there`},
		{`{"account": "a/b"}`, `error c.json:2:13: n: oauth.account cannot be the name of a login ("a/b") – names have 1 to 64 printable characters without slashes`},
		{`{"account": "a\\b"}`, `error c.json:2:13: n: oauth.account cannot be the name of a login ("a\\b") – names have 1 to 64 printable characters without slashes`},
		{`{"account": "a\nb"}`, `error c.json:2:13: n: oauth.account cannot be the name of a login ("a\nb") – names have 1 to 64 printable characters without slashes`},
		{`{"account": "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffggggg"}`, `error c.json:2:13: n: oauth.account cannot be the name of a login ("aaaaaaaaaabbbbbbbbbbccccccccccdddddddddd…") – names have 1 to 64 printable characters without slashes`},
		{`{"client_id": 1, "client_secret": "topsecret"}`, `error c.json:2:15: n: oauth.client_id must be a string (a number) – put it in double quotes`},
		{`{"login": "x", "resource": "https://h", "omit_resource": true}`, `error c.json:2:11: n: oauth.login must be one of ask, browser ("x") – known are ask, browser`},
	} {
		c := parse(t, loginTo(tt.oauth))
		got := problems(c)
		if got != tt.want {
			t.Errorf("%s\ngot  %s\nwant %s", tt.oauth, got, tt.want)
		}
		refused := c.Servers[0].Refused
		if strings.Contains(got+refused, "topsecret") || strings.Contains(got+refused, "7331") {
			t.Errorf("%s: a secret is shown: %s, %s", tt.oauth, got, refused)
		}
		if (refused != "") != strings.Contains(tt.want, "error") {
			t.Errorf("%s: Refused = %q", tt.oauth, refused)
		}
	}
}

// A login has no place on a local server, nor beside a header that is one.
func TestOAuthBesideOtherOptions(t *testing.T) {
	for _, tt := range []struct{ entry, want string }{
		{`{"command": "x", "oauth": {}}`, `error c.json:1:48: n: only servers with a url can be logged in to – remove oauth`},
		{`{"oauth": {"login": "x"}, "command": "x"}`, `error c.json:1:32: n: only servers with a url can be logged in to – remove oauth
error c.json:1:42: n: oauth.login must be one of ask, browser ("x") – known are ask, browser`},
		{`{"url": "https://h", "oauth": {}, "headers": {"X": "1", "authorization": "Bearer topsecret"}}`,
			`error c.json:1:78: n: headers has an Authorization, and oauth brings one: the two contradict each other (authorization) – remove one of the two`},
		{`{"url": "https://h", "headers": {"AUTHORIZATION": "topsecret"}, "type": "sse", "oauth": {"login": "browser"}}`,
			`error c.json:1:55: n: headers has an Authorization, and oauth brings one: the two contradict each other (AUTHORIZATION) – remove one of the two`},
		{`{"url": "https://h", "headers": {"Authorization": "topsecret"}, "oauth": null}`, ``},
		{`{"url": "https://h", "headers": {"Authorization2": "1"}, "oauth": {}}`, ``},
		{`{"url": "https://h", "type": "sse", "oauth": {}}`, ``},
		{`{"url": "https://h", "oauth": {"clientId": "a", "client_id": "b"}}`,
			`error c.json:1:70: n: oauth has this option twice, and only one could count (client_id) – remove one of the two`},
		{`{"url": "https://h", "oauth": {}, "auth": {}}`, `error c.json:1:56: n: auth means the same as another option of this entry – keep oauth`},
		{`{"url": "https://h", "auth": "topsecret"}`, `warning c.json:1:51: n: an option of other clients, ignored here (auth) – use oauth, or headers.Authorization with ${keyring:NAME}`},
		{`{"command": "x", "auth": "oauth"}`, `warning c.json:1:47: n: an option of other clients, ignored here (auth) – use oauth, or headers.Authorization with ${keyring:NAME}`},
	} {
		c := parse(t, `{"mcpServers": {"n": `+tt.entry+`}}`)
		if got := problems(c); got != tt.want {
			t.Errorf("%s\ngot  %s\nwant %s", tt.entry, got, tt.want)
		}
		if s := c.Servers[0]; (s.Refused != "") != strings.Contains(tt.want, "error") || strings.Contains(s.Refused, "topsecret") {
			t.Errorf("%s: Refused = %q", tt.entry, s.Refused)
		}
	}
}
