package oauth

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/modelcontextprotocol/go-sdk/oauthex"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/confusables"
)

// resource is what is known of the protected server (RFC 9728).
type resource struct {
	ID      string   // for the parameter resource, verbatim
	Servers []string // issuers
	Scopes  []string
	Wider   bool // its path is shorter than the server's: the token is good for more than this server
}

// metadata is an authorization server's (RFC 8414, OpenID Connect Discovery 1.0).
type metadata struct {
	oauthex.AuthServerMeta
	DeviceAuthorizationEndpoint string `json:"device_authorization_endpoint"` // RFC 8628, section 4
}

// errNoMetadata is wrapped when a server publishes nothing about its logins.
var errNoMetadata = errors.New("it publishes no metadata for logins")

// discoverResource finds the server's metadata: where the challenge says, beside its path, at the root (RFC 9728, section 3.1; MCP,
// authorization server discovery). A place named by the challenge counts only on the server's own origin.
func (l *Login) discoverResource(ctx context.Context, c challenge) (*resource, error) {
	server := l.server
	root := url.URL{Scheme: server.Scheme, Host: server.Host}
	const wellKnown = "/.well-known/oauth-protected-resource"
	var places []string
	var refused error
	if c.Metadata != "" {
		u, err := l.guard.checkURL("resource_metadata", c.Metadata)
		switch {
		case err != nil:
			refused = err
		case !SameOrigin(u, server):
			refused = fmt.Errorf("resource_metadata is on another origin, %s", confusables.Quote(u.Host))
		default:
			places = append(places, u.String())
		}
	}
	if path := strings.TrimSuffix(server.EscapedPath(), "/"); path != "" {
		places = append(places, root.String()+wellKnown+path)
	}
	places = append(places, root.String()+wellKnown)
	var broken error
	for _, place := range slices.Compact(places) {
		var doc oauthex.ProtectedResourceMetadata
		found, err := l.fetch(ctx, place, &doc)
		if err != nil {
			broken = err // another place may do
		}
		if !found || doc.Resource == "" && len(doc.AuthorizationServers) == 0 {
			continue
		}
		return l.checkResource(&doc)
	}
	switch {
	case broken != nil:
		return nil, broken
	case refused != nil:
		return nil, refused
	}
	return nil, errNoMetadata
}

// checkResource binds the metadata to the URL of the server (RFC 9728, section 3.3). Servers publish their origin, or a slash more or less:
// the same origin with a path that the server's begins with is accepted.
func (l *Login) checkResource(doc *oauthex.ProtectedResourceMetadata) (*resource, error) {
	o := l.target.options()
	u, err := url.Parse(doc.Resource)
	if err != nil || doc.Resource == "" || u.Host == "" || u.User != nil || u.Fragment != "" {
		return nil, errors.New("its metadata names no resource")
	}
	mine, theirs := strings.TrimSuffix(l.server.EscapedPath(), "/"), strings.TrimSuffix(u.EscapedPath(), "/")
	wider := theirs != mine
	if !SameOrigin(u, l.server) || wider && !strings.HasPrefix(mine, theirs+"/") || u.RawQuery != "" && u.RawQuery != l.server.RawQuery {
		return nil, fmt.Errorf("its metadata is for another resource, %s, whose token must not be used here", confusables.Quote(doc.Resource))
	}
	if wider && o.StrictResource {
		return nil, fmt.Errorf("its metadata is for %s, which is more than this server, and strict_resource is set", confusables.Quote(doc.Resource))
	}
	return &resource{ID: doc.Resource, Servers: doc.AuthorizationServers, Scopes: doc.ScopesSupported, Wider: wider}, nil
}

// origin is the server's, which was its authorization server in MCP 2025-03-26.
func (l *Login) origin() string {
	return (&url.URL{Scheme: l.server.Scheme, Host: l.server.Host}).String()
}

// discover finds the server's metadata and that of the authorization server to use.
func (l *Login) discover(ctx context.Context, c challenge, last string) (*resource, *metadata, error) {
	o := l.target.options()
	res, err := l.discoverResource(ctx, c)
	if errors.Is(err, errNoMetadata) && c.Metadata == "" { // MCP 2025-03-26: the server's origin is its authorization server
		canonical := *l.server
		canonical.RawQuery = ""
		res, err = &resource{ID: canonical.String(), Servers: []string{l.origin()}}, nil
		if o.Issuer != "" {
			res.Servers = []string{o.Issuer}
		}
		meta, err := l.authServer(ctx, res.Servers[0])
		if errors.Is(err, errNoMetadata) {
			return nil, nil, l.fault("looking for its login", errNoMetadata, l.notOAuth())
		}
		return res, meta, l.fault("reading the authorization server's metadata", err, "")
	}
	if err != nil {
		return nil, nil, l.fault("reading its metadata", err, "")
	}
	issuers, err := choose(res.Servers, o.Issuer, last)
	if err != nil {
		return nil, nil, l.fault("choosing the authorization server", err, `Check "issuer" in oauth of the entry`)
	}
	var failures []error
	for _, issuer := range issuers {
		meta, err := l.authServer(ctx, issuer)
		if err == nil {
			return res, meta, nil
		}
		failures = append(failures, err)
	}
	return nil, nil, l.fault("reading the authorization server's metadata", errors.Join(failures...), "")
}

func (l *Login) notOAuth() string {
	return "If it wants a key, write it into headers of the entry; if it has a login of its own, see its documentation"
}

// choose are the issuers to try in turn: the one of the entry, else the one of the last login, else as the server lists them.
func choose(listed []string, wanted, last string) ([]string, error) {
	if wanted != "" {
		for _, issuer := range listed {
			if strings.TrimSuffix(issuer, "/") == strings.TrimSuffix(wanted, "/") {
				return []string{wanted}, nil
			}
		}
		if len(listed) > 0 {
			return nil, fmt.Errorf("the entry names the issuer %s, but the server does not", confusables.Quote(wanted))
		}
		return []string{wanted}, nil
	}
	if len(listed) == 0 {
		return nil, errors.New("the server's metadata names no authorization server")
	}
	if slices.Contains(listed, last) {
		return []string{last}, nil
	}
	return listed[:min(len(listed), 3)], nil
}

// authServer reads the metadata of an issuer from the places of RFC 8414, section 3.1, and OpenID Connect Discovery, section 4. A document
// of another issuer is not used.
func (l *Login) authServer(ctx context.Context, issuer string) (*metadata, error) {
	u, err := l.guard.checkURL("the issuer", issuer)
	if err != nil {
		return nil, err
	}
	base, path := u.Scheme+"://"+u.Host, strings.TrimSuffix(u.EscapedPath(), "/")
	places := []string{base + "/.well-known/oauth-authorization-server" + path, base + "/.well-known/openid-configuration" + path}
	if path != "" {
		places = append(places, base+path+"/.well-known/openid-configuration")
	}
	wrong := error(nil)
	for _, place := range places {
		var doc metadata
		found, err := l.fetch(ctx, place, &doc)
		switch {
		case err != nil:
			wrong = err
		case !found:
		case doc.Issuer != issuer:
			wrong = fmt.Errorf("the metadata at %s is of the issuer %s, not of %s: not used", confusables.Quote(u.Host), confusables.Quote(doc.Issuer), confusables.Quote(issuer))
		default:
			return &doc, l.checkMetadata(&doc)
		}
	}
	if wrong != nil {
		return nil, wrong
	}
	return nil, fmt.Errorf("%s: %w", confusables.Quote(issuer), errNoMetadata)
}

// checkMetadata refuses what would make a login unsafe.
func (l *Login) checkMetadata(m *metadata) error {
	for _, e := range []struct {
		what, value string
		needed      bool
	}{
		{"authorization_endpoint", m.AuthorizationEndpoint, l.target.options().Grant != config.GrantClient},
		{"token_endpoint", m.TokenEndpoint, true},
		{"registration_endpoint", m.RegistrationEndpoint, false},
		{"revocation_endpoint", m.RevocationEndpoint, false},
		{"device_authorization_endpoint", m.DeviceAuthorizationEndpoint, false},
	} {
		if e.value == "" && !e.needed {
			continue
		}
		if _, err := l.guard.checkURL(e.what, e.value); err != nil {
			return err
		}
	}
	if l.target.options().Grant != config.GrantClient && !slices.Contains(m.CodeChallengeMethodsSupported, "S256") {
		return errors.New("the authorization server does not say that it supports PKCE with S256, without which a code can be stolen: refused (MCP, authorization code protection)")
	}
	return nil
}

// fetch reads a JSON document. found is false where there is none; what is there and can't be read is an error.
func (l *Login) fetch(ctx context.Context, place string, doc any) (found bool, err error) {
	status, _, body, err := l.guard.get(ctx, place)
	switch {
	case err != nil:
		return false, transient(err)
	case status >= 500 || status == 429:
		return false, fmt.Errorf("HTTP %d from %s; %w", status, confusables.Quote(hostOf(place)), errTransient)
	case status != 200:
		return false, nil
	case json.Unmarshal(body, doc) != nil:
		return false, nil // a page for people, at a place where everything is answered
	}
	return true, nil
}

func hostOf(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return ""
	}
	return u.Host
}

// probe asks the server for its challenge, which it has not given yet: with a message that does nothing if it is answered.
func (l *Login) probe(ctx context.Context) challenge {
	header := http.Header{"Accept": {"application/json, text/event-stream"}}
	status, answer, _, err := l.guard.post(ctx, l.target.URL, "application/json", header, []byte(`{"jsonrpc":"2.0","id":1,"method":"ping"}`))
	if err != nil || status != http.StatusUnauthorized {
		return challenge{}
	}
	c := readChallenge(answer)
	l.mu.Lock()
	l.seen = c
	l.mu.Unlock()
	return c
}
