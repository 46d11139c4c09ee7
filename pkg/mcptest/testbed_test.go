package mcptest

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"runtime"
	"strings"
	"testing"
	"time"
)

const callback = "http://127.0.0.1:9/callback" // nothing listens there

// authorizeURL is what a client of the testbed sends its person to, and the PKCE verifier.
func authorizeURL(b *Testbed, client string, more url.Values) (address, verifier string) {
	verifier = strings.Repeat("v", 43)
	sum := sha256.Sum256([]byte(verifier))
	q := url.Values{"response_type": {"code"}, "client_id": {client}, "scope": {"mcp:read"}, "state": {"s"}, "redirect_uri": {callback},
		"code_challenge": {base64.RawURLEncoding.EncodeToString(sum[:])}, "code_challenge_method": {"S256"}, "resource": {b.MCP}}
	for k, v := range more {
		q[k] = v
	}
	return b.Issuer + "/auth?" + q.Encode(), verifier
}

func post(t *testing.T, address string, header http.Header, body string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), "POST", address, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header = header
	res, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	got, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(got)
}

func whoami(t *testing.T, b *Testbed, token string) (int, string) {
	t.Helper()
	h := http.Header{"Content-Type": {"application/json"}, "Accept": {"application/json, text/event-stream"}, "Mcp-Protocol-Version": {"2025-11-25"}}
	if token != "" {
		h.Set("Authorization", "Bearer "+token)
	}
	return post(t, b.MCP, h, `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"whoami","arguments":{}}}`)
}

func TestTestbedLogin(t *testing.T) {
	CheckGoroutines(t)
	b := NewTestbed(t)
	if status, _ := whoami(t, b, ""); status != http.StatusUnauthorized {
		t.Fatalf("without a token: %d", status)
	}
	address, verifier := authorizeURL(b, "static-native", nil)
	person := &Browser{HoldCallback: true}
	status, _, final := person.Visit(t, address)
	code := final.Query().Get("code")
	if !strings.HasPrefix(final.String(), callback+"?") || code == "" || final.Query().Get("iss") != b.Issuer || status != http.StatusSeeOther {
		t.Fatalf("the browser ended at %s with %d", final, status)
	}
	status, answer := post(t, b.Issuer+"/token", http.Header{"Content-Type": {"application/x-www-form-urlencoded"}},
		url.Values{"grant_type": {"authorization_code"}, "client_id": {"static-native"}, "code": {code}, "code_verifier": {verifier},
			"redirect_uri": {callback}, "resource": {b.MCP}}.Encode())
	var token struct {
		Access string `json:"access_token"`
	}
	if err := json.Unmarshal([]byte(answer), &token); err != nil || status != http.StatusOK {
		t.Fatalf("token: %d %s", status, answer)
	}
	if status, text := whoami(t, b, token.Access); status != http.StatusOK || !strings.Contains(text, "alice") {
		t.Fatalf("whoami: %d %s", status, text)
	}
	tokens := b.Seen("POST", "/token")
	if len(tokens) != 1 || tokens[0].Side != "as" || tokens[0].Status != 200 || tokens[0].Param("resource") != b.MCP {
		t.Errorf("seen of /token: %+v", tokens)
	}
	calls := b.Seen("POST", "/mcp")
	if len(calls) != 2 || calls[0].Status != 401 || calls[0].Authorized || calls[1].RPC != "tools/call" || !calls[1].Authorized {
		t.Errorf("seen of /mcp: %+v", calls)
	}
	b.ClearLog()
	if log := b.Log(); len(log) != 0 {
		t.Errorf("after ClearLog: %+v", log)
	}
}

func TestTestbedSwitches(t *testing.T) {
	b := NewTestbed(t, "--issuer-path", "/tenant1")
	if !strings.HasSuffix(b.Issuer, "/tenant1") {
		t.Errorf("arguments not passed on: issuer %s", b.Issuer)
	}
	good := b.Mint(nil)
	if status, text := whoami(t, b, good); status != http.StatusOK {
		t.Errorf("minted: %d %s", status, text)
	}
	for name, claims := range map[string]map[string]any{"expired": {"expiresIn": -5}, "audience": {"aud": "https://other.example/mcp"}, "issuer": {"iss": "https://evil.example"}} {
		if status, text := whoami(t, b, b.Mint(claims)); status != http.StatusUnauthorized {
			t.Errorf("%s: %d %s", name, status, text)
		}
	}
	b.Faults(map[string]any{"rs": map[string]any{"reject": 1}})
	b.Faults(map[string]any{"as": map[string]any{"login": "deny"}})
	if status, _ := whoami(t, b, good); status != http.StatusUnauthorized {
		t.Errorf("with reject 1: %d", status)
	}
	address, _ := authorizeURL(b, "static-native", nil)
	if _, _, final := (&Browser{HoldCallback: true}).Visit(t, address); final.Query().Get("error") != "access_denied" {
		t.Errorf("with login deny: %s", final)
	}
	b.Reset()
	if log := b.Log(); len(log) != 0 {
		t.Errorf("after Reset: %+v", log)
	}
	if status, text := whoami(t, b, good); status != http.StatusOK {
		t.Errorf("after Reset: %d %s", status, text)
	}

	const id = "https://client.example/metadata.json"
	b.CIMD(map[string]any{"client_id": id, "client_name": "test", "redirect_uris": []string{callback}, "token_endpoint_auth_method": "none",
		"grant_types": []string{"authorization_code"}, "response_types": []string{"code"}, "application_type": "native"})
	address, _ = authorizeURL(b, id, nil)
	if status, body, final := (&Browser{HoldCallback: true}).Visit(t, address); final.Query().Get("code") == "" {
		t.Errorf("with a metadata document: %d %s %s", status, final, body)
	}

	register := func() string {
		_, answer := post(t, b.Issuer+"/reg", http.Header{"Content-Type": {"application/json"}}, `{"redirect_uris":["`+callback+`"],"application_type":"native","token_endpoint_auth_method":"none"}`)
		var c struct {
			ID string `json:"client_id"`
		}
		if err := json.Unmarshal([]byte(answer), &c); err != nil || c.ID == "" {
			t.Fatalf("register: %s", answer)
		}
		return c.ID
	}
	registered := register()
	b.Forget("Client")
	address, _ = authorizeURL(b, registered, nil)
	if status, body, _ := (&Browser{HoldCallback: true}).Visit(t, address); status != http.StatusBadRequest || !strings.Contains(body, "invalid_client") {
		t.Errorf("of a forgotten client: %d %s", status, body)
	}
}

func TestTestbedsSideBySide(t *testing.T) {
	start := time.Now()
	a, b := NewTestbed(t), NewTestbed(t)
	t.Logf("two testbeds started in %v", time.Since(start))
	if a.Issuer == b.Issuer || a.MCP == b.MCP {
		t.Fatalf("not two: %s %s", a.Issuer, b.Issuer)
	}
	if status, _ := whoami(t, b, a.Mint(nil)); status != http.StatusUnauthorized {
		t.Errorf("one's token at the other: %d", status)
	}
	a.Stop()
	if _, err := new(Browser).Open(t.Context(), a.Issuer+"/auth"); err == nil {
		t.Error("still there after Stop")
	}
	if status, _ := whoami(t, b, b.Mint(nil)); status != http.StatusOK {
		t.Errorf("the other after Stop: %d", status)
	}
}

// fatalT notes the error that ends the goroutine.
type fatalT struct {
	testing.TB
	fatal string
}

func (f *fatalT) Helper() {}
func (f *fatalT) Fatalf(format string, args ...any) {
	f.fatal = fmt.Sprintf(format, args...)
	runtime.Goexit()
}

func TestTestbedThatDoesNotStart(t *testing.T) {
	NewTestbed(t) // or the reason to skip
	f := &fatalT{TB: t}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		NewTestbed(f, "--no-such-option")
	}()
	<-ended
	if !strings.Contains(f.fatal, "--no-such-option") {
		t.Errorf("failed with %q", f.fatal)
	}
}
