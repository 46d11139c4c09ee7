package config

import "github.com/tailscale/hujson"

// oauthOptions are the options of oauth, in the order of the documentation.
var oauthOptions = options[OAuth]{
	{
		name: "login", values: []string{LoginAsk, LoginBrowser}, standard: LoginAsk,
		meaning: "`ask` (default): you are told that a login is needed, and start it; " +
			"`browser`: whatever first needs the server opens the browser and waits for you",
		field: func(o *OAuth) any { return &o.Login }, refs: true, pinned: true, people: true,
	},
	{
		name: "grant", values: []string{GrantCode, GrantClient}, standard: GrantCode,
		meaning: "`authorization_code` (default): a person logs in; `client_credentials`: a machine does, " +
			"with `client_id` and `client_secret`, and nobody is asked",
		field: func(o *OAuth) any { return &o.Grant }, refs: true, pinned: true,
	},
	{
		name: "client_id",
		meaning: "the service does not let clients register themselves (GitHub, Slack, Google): " +
			"register one there, and write its ID",
		field: func(o *OAuth) any { return &o.ClientID }, refs: true, also: []string{"clientId", "CLIENT_ID"},
	},
	{
		name: "client_secret",
		meaning: "that client has a secret: write `${keyring:NAME}`, " +
			"and store it with `mcpproxy-stdio secret set NAME`",
		field: func(o *OAuth) any { return &o.ClientSecret }, refs: true, also: []string{"clientSecret", "CLIENT_SECRET"},
	},
	{
		name:    "client_name",
		meaning: "the service registers clients of certain names only; it is also what its login page shows",
		field:   func(o *OAuth) any { return &o.ClientName }, refs: true, people: true,
	},
	{
		name: "client_metadata_url",
		meaning: "you publish a client ID metadata document: its https address, " +
			"in place of a registration",
		field: func(o *OAuth) any { return &o.ClientMetadataURL }, refs: true, fault: metadataFault, people: true,
	},
	{
		name: "auth_method", values: []string{AuthMethodNone, AuthMethodBasic, AuthMethodPost},
		meaning: "the service takes one way only: `none`, `client_secret_basic` or `client_secret_post`; " +
			"default: one that it names",
		field: func(o *OAuth) any { return &o.AuthMethod }, refs: true,
	},
	{
		name: "scopes", takes: "string",
		meaning: "ask for these, not for what the server names; `[]`: for none. Also as one text, `\"read write\"`",
		field:   func(o *OAuth) any { return &o.Scopes }, refs: true, emptyCounts: true, also: []string{"scope"},
		read: func(e *entry, o *OAuth, at hujson.Value) { o.Scopes = e.scopes(at) },
	},
	{
		name: "extra_scopes", takes: "string", meaning: "ask for these as well",
		field: func(o *OAuth) any { return &o.ExtraScopes }, refs: true,
		read: func(e *entry, o *OAuth, at hujson.Value) {
			if o.ExtraScopes = e.scopes(at); len(o.ExtraScopes) == 0 { // none more is none
				o.ExtraScopes = nil
			}
		},
	},
	{
		name:    "resource",
		meaning: "the server names itself wrongly: the address to ask access for",
		field:   func(o *OAuth) any { return &o.Resource }, refs: true, fault: resourceFault,
	},
	{
		name:    "omit_resource",
		meaning: "the service refuses to be told the address, as Microsoft Entra does (`AADSTS9010010`)",
		field:   func(o *OAuth) any { return &o.OmitResource },
	},
	{
		name:    "strict_resource",
		meaning: "refuse a server that asks access for more than its own `url`, such as its whole host",
		field:   func(o *OAuth) any { return &o.StrictResource },
	},
	{
		name:    "issuer",
		meaning: "the server names several authorization servers, or none: the one to use",
		field:   func(o *OAuth) any { return &o.Issuer }, refs: true, fault: issuerFault,
	},
	{
		name: "redirect_port", least: 1, most: 65535,
		meaning: "the service wants the exact port of `http://127.0.0.1:PORT/callback` registered; default: any",
		field:   func(o *OAuth) any { return &o.RedirectPort }, read: (*entry).redirectPort, people: true,
		also: []string{"callbackPort"},
	},
	{
		name:    "authorize_params",
		meaning: "more parameters for the login page, such as `{\"prompt\": \"select_account\"}`",
		field:   func(o *OAuth) any { return &o.AuthorizeParams }, read: (*entry).authorizeParams, refs: true, people: true,
	},
	{
		name: "account",
		meaning: "you have two accounts there: write two entries, each with an `account` of its own, " +
			"such as `work`",
		field: func(o *OAuth) any { return &o.Account }, refs: true, fault: accountFault,
	},
	{
		name:    "allow_private",
		meaning: "the authorization server is at an address of your own network",
		field:   func(o *OAuth) any { return &o.AllowPrivate },
	},
}
