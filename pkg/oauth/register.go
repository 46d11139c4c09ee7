package oauth

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/modelcontextprotocol/go-sdk/oauthex"
	"golang.org/x/oauth2"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/confusables"
)

// defaultClientName is what an authorization server shows people who log in.
const defaultClientName = "mcpproxy-stdio"

// client is who we are to an authorization server.
type client struct {
	ID     string    `json:"id"`
	Secret string    `json:"secret,omitempty"`
	Method string    `json:"method"` // of the token endpoint: none, client_secret_basic, client_secret_post
	Kind   string    `json:"kind"`   // where it is from, see below
	Until  time.Time `json:"until"`  // when the secret expires; zero: never
	Port   int       `json:"port"`   // of its redirect URI
	// Unproven: a person was sent to the authorization server as this client, and has not come back since. A server that has forgotten the
	// client shows an error page then, and we hear nothing.
	Unproven bool `json:"unproven,omitempty"`
}

// Where a client is from.
const (
	preRegistered = "configured"           // client_id of the entry
	published     = "metadata document"    // a client ID metadata document
	registered    = "registered by itself" // dynamic client registration (RFC 7591)
)

// The methods of RFC 7591, section 2.
const (
	methodNone  = "none"
	methodBasic = "client_secret_basic"
	methodPost  = "client_secret_post"
)

// style is how the library sends the client's secret. It must not find out by itself: trying costs the code.
func (c *client) style() oauth2.AuthStyle {
	if c.Method == methodBasic {
		return oauth2.AuthStyleInHeader
	}
	return oauth2.AuthStyleInParams
}

// kindOf tells which way of being known is used there: configured, else a metadata document, else dynamic registration (MCP, client
// registration approaches). The error asks the person.
func (l *Login) kindOf(meta *metadata) (string, error) {
	o := l.target.options()
	switch {
	case o.ClientID != "":
		return preRegistered, nil
	case o.ClientMetadataURL != "" && meta.ClientIDMetadataDocumentSupported:
		return published, nil
	case meta.RegistrationEndpoint != "":
		return registered, nil
	}
	return "", l.fault("registering the client", errors.New("the authorization server does not register clients automatically"), l.askClientID())
}

func (l *Login) askClientID() string {
	return fmt.Sprintf(`Register an application there, with the redirect URI http://127.0.0.1/callback, and write its "client_id" (and "client_secret" as ${keyring:NAME}) into oauth of server %s`,
		strconv.Quote(l.target.Name))
}

// known is a client that needs no registration now, nil if there is none.
func (l *Login) known(kind string, meta *metadata, res *resource) (*client, error) {
	o := l.target.options()
	switch kind {
	case preRegistered:
		return &client{ID: o.ClientID, Secret: o.ClientSecret.Reveal(), Method: l.method(meta), Kind: kind, Port: o.RedirectPort}, nil
	case published:
		return &client{ID: o.ClientMetadataURL, Method: methodNone, Kind: kind, Port: o.RedirectPort}, nil
	}
	var c client
	err := l.vault().read(clientRecord(meta.Issuer, res.ID, l.clientName()), &c)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, errUnreadable):
		return nil, nil
	case err != nil:
		return nil, err
	case c.Unproven, !c.Until.IsZero() && time.Now().After(c.Until), o.RedirectPort != 0 && o.RedirectPort != c.Port:
		return nil, nil // another one is registered
	}
	return &c, nil
}

// clientRecord names the record of a registration: it is good for one issuer and never shown to another.
func clientRecord(issuer, resource, name string) string {
	return hash("client", issuer, resource, name)
}

func (l *Login) clientName() string {
	if name := l.target.options().ClientName; name != "" {
		return name
	}
	return defaultClientName
}

// method is how a configured client authenticates.
func (l *Login) method(meta *metadata) string {
	o := l.target.options()
	offered := meta.TokenEndpointAuthMethodsSupported
	switch {
	case o.AuthMethod != "":
		return o.AuthMethod
	case o.ClientSecret.Reveal() == "":
		return methodNone
	case len(offered) > 0 && !slices.Contains(offered, methodBasic) && slices.Contains(offered, methodPost):
		return methodPost
	}
	return methodBasic // RFC 8414, section 2: what is supported if nothing is said
}

// register makes a new client for a redirect URI (RFC 7591, section 3.1). scope is not sent: a client that is registered with some can never
// ask for more.
func (l *Login) register(ctx context.Context, meta *metadata, res *resource, redirect string, port int, device bool) (*client, error) {
	want := methodNone
	if offered := meta.TokenEndpointAuthMethodsSupported; len(offered) > 0 && !slices.Contains(offered, methodNone) {
		for _, m := range []string{methodPost, methodBasic} {
			if slices.Contains(offered, m) {
				want = m
			}
		}
	}
	if m := l.target.options().AuthMethod; m != "" {
		want = m
	}
	grants := []string{"authorization_code", "refresh_token"}
	if device {
		grants = append(grants, deviceGrant)
	}
	body, err := json.Marshal(oauthex.ClientRegistrationMetadata{
		RedirectURIs: []string{redirect}, TokenEndpointAuthMethod: want, GrantTypes: grants, ResponseTypes: []string{"code"},
		ClientName: l.clientName(), ApplicationType: "native",
	})
	if err != nil {
		return nil, err
	}
	status, header, answer, err := l.guard.post(ctx, meta.RegistrationEndpoint, "application/json", nil, body)
	if err != nil {
		return nil, l.fault("registering the client", transient(err), "")
	}
	if status != 201 && status != 200 {
		return nil, l.refusedRegistration(status, header.Get("Content-Type"), answer)
	}
	var got struct {
		ID     string  `json:"client_id"`
		Secret string  `json:"client_secret"`
		Until  float64 `json:"client_secret_expires_at"`
		Method string  `json:"token_endpoint_auth_method"`
	}
	if err := json.Unmarshal(answer, &got); err != nil || got.ID == "" {
		return nil, l.fault("registering the client", errors.New("the answer names no client_id"), l.askClientID())
	}
	c := &client{ID: got.ID, Secret: got.Secret, Method: got.Method, Kind: registered, Port: port}
	switch { // what the answer says counts, whatever was asked for
	case c.Method == "" && c.Secret != "":
		c.Method = methodBasic // RFC 7591, section 2: the default
	case c.Method == "" || c.Secret == "":
		c.Method = methodNone
	case c.Method != methodBasic && c.Method != methodPost && c.Method != methodNone:
		return nil, l.fault("registering the client", fmt.Errorf("it wants the authentication method %s, which is not supported", confusables.Quote(c.Method)), l.askClientID())
	}
	if c.Method == methodNone {
		c.Secret = ""
	}
	if got.Until > 0 {
		c.Until = time.Unix(int64(got.Until), 0)
	}
	if device { // good for that alone: the one for the browser stays
		return c, nil
	}
	return c, l.vault().write(clientRecord(meta.Issuer, res.ID, l.clientName()), c)
}

// refusedRegistration tells why nobody was registered. Bodies are not shown, but for the two members of an OAuth error.
func (l *Login) refusedRegistration(status int, contentType string, body []byte) error {
	var e struct {
		Code        string `json:"error"`
		Description string `json:"error_description"`
	}
	cause := error(&responseError{Status: status})
	if json.Unmarshal(body, &e) == nil && e.Code != "" {
		cause = &responseError{Code: e.Code, Description: e.Description, Status: status}
	}
	switch {
	case status >= 500 || status == 429:
		return l.fault("registering the client", fmt.Errorf("%w; %w", cause, errTransient), "")
	case e.Code == "invalid_redirect_uri":
		return l.fault("registering the client", cause, l.askClientID())
	case status == 401 || status == 403 || !strings.Contains(contentType, "json"):
		return l.fault("registering the client", fmt.Errorf("%w: it registers only known clients", cause), l.askClientID())
	}
	return l.fault("registering the client", cause, l.askClientID())
}

// prove notes that the authorization server knows the client, or, with false, that this remains to be seen.
func (l *Login) prove(meta *metadata, res *resource, c *client, known bool) error {
	if c.Kind != registered || c.Unproven == !known {
		return nil
	}
	c.Unproven = !known
	return l.vault().write(clientRecord(meta.Issuer, res.ID, l.clientName()), c)
}

// forget takes a registration off that the authorization server does not know any more.
func (l *Login) forget(record string) { _ = l.vault().remove(record) }
