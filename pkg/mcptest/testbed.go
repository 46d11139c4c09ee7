package mcptest

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

// EnvOAuth names the folder that testdata/oauth-testbed was installed into with npm.
const EnvOAuth = "MCPPROXY_TEST_OAUTH"

const testbedTimeout = 20 * time.Second // to start, and for one answer of the admin endpoint

// Testbed is a real OAuth 2.1 authorization server and an MCP server that it
// protects, in a process of their own: testdata/oauth-testbed, whose README says
// what they know and can be made to do wrong. Its methods fail the test if the
// testbed does not answer.
type Testbed struct {
	MCP    string // URL of the protected MCP server; its tools are whoami (scope mcp:read) and write_note (mcp:write)
	Issuer string // of the authorization server
	Admin  string // URL of the admin endpoint

	t      testing.TB
	admin  *http.Client
	cmd    *exec.Cmd
	stdin  io.Closer // its end ends the testbed
	stderr bytes.Buffer
	done   bool
}

// Request is one request that a testbed has answered.
type Request struct {
	N          int
	Side       string // "as" or "rs"
	Method     string
	Path       string
	Status     int            // 0 if the connection was dropped
	Authorized bool           // whether an Authorization header came along; only of side rs
	Params     map[string]any // of /auth, /token and the like: query or body
	RPC        string         // method of the JSON-RPC message; only of side rs, with a token that was good
}

// Param gives a parameter that has one value, "" if it was not sent.
func (r Request) Param(name string) string {
	s, _ := r.Params[name].(string)
	return s
}

// NewTestbed starts a testbed, which ends with the test. The arguments are
// those of testbed.mjs, such as "--issuer-path", "/tenant1". Without Node or the
// installed packages the test is skipped; with MCPPROXY_TEST_NO_SKIP it fails.
func NewTestbed(t testing.TB, args ...string) *Testbed {
	t.Helper()
	node, dir := testbedFiles(t)
	b := &Testbed{t: t, admin: &http.Client{Timeout: testbedTimeout, Transport: &http.Transport{DisableKeepAlives: true}}}
	b.cmd = exec.Command(node, append([]string{filepath.Join(dir, "testbed.mjs")}, args...)...)
	b.cmd.Stderr = &b.stderr
	// Otherwise a grandchild of Node would keep Wait from coming back; there is none.
	b.cmd.WaitDelay = stopTimeout
	stdin, err := b.cmd.StdinPipe()
	if err != nil {
		t.Fatalf("mcptest: testbed: %v", err)
	}
	stdout, err := b.cmd.StdoutPipe()
	if err != nil {
		t.Fatalf("mcptest: testbed: %v", err)
	}
	if err := b.cmd.Start(); err != nil {
		t.Fatalf("mcptest: testbed: %v", err)
	}
	b.stdin = stdin
	t.Cleanup(b.Stop)
	slow := time.AfterFunc(testbedTimeout, func() { _ = b.cmd.Process.Kill() })
	line, _ := bufio.NewReader(stdout).ReadBytes('\n')
	slow.Stop()
	var at struct{ MCP, Issuer, Admin string }
	if err := json.Unmarshal(line, &at); err != nil {
		b.Stop() // so that all of stderr is there
		t.Fatalf("mcptest: the testbed did not start: %s", b.stderr.String())
	}
	b.MCP, b.Issuer, b.Admin = at.MCP, at.Issuer, at.Admin
	return b
}

// testbedFiles gives Node and a folder with the sources as they are in this
// repository, beside the installed packages.
func testbedFiles(t testing.TB) (node, dir string) {
	t.Helper()
	missing := t.Skipf
	if os.Getenv("MCPPROXY_TEST_NO_SKIP") != "" {
		missing = t.Fatalf
	}
	node, err := exec.LookPath("node")
	if err != nil {
		missing("needs Node: %v", err)
	}
	packages, err := filepath.Abs(filepath.Join(os.Getenv(EnvOAuth), "node_modules"))
	if _, statErr := os.Stat(filepath.Join(packages, "oidc-provider")); os.Getenv(EnvOAuth) == "" || err != nil || statErr != nil {
		missing("needs the OAuth testbed: set %s to a folder that testdata/oauth-testbed was installed into", EnvOAuth)
	}
	sources, err := repositoryFile("testdata/oauth-testbed")
	if err != nil {
		t.Fatalf("mcptest: testbed: %v", err)
	}
	// A module's imports are looked up from where the file really is: so a copy.
	dir = t.TempDir()
	if err := os.CopyFS(dir, os.DirFS(sources)); err != nil {
		t.Fatalf("mcptest: testbed: %v", err)
	}
	if err := os.Symlink(packages, filepath.Join(dir, "node_modules")); err != nil {
		t.Fatalf("mcptest: testbed: %v", err)
	}
	return node, dir
}

// repositoryFile gives the path of a file of this repository; tests run in their package's folder.
func repositoryFile(name string) (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		file := filepath.Join(dir, filepath.FromSlash(name))
		if _, err := os.Stat(file); err == nil {
			return file, nil
		}
		if filepath.Dir(dir) == dir {
			return "", fmt.Errorf("%s is in no folder above this one", name)
		}
		dir = filepath.Dir(dir)
	}
}

// Stop ends both servers, connections included; the end of the test does it too.
func (b *Testbed) Stop() {
	if b.done {
		return
	}
	b.done = true
	_ = b.stdin.Close()
	late := time.AfterFunc(stopTimeout, func() { _ = b.cmd.Process.Kill() })
	_ = b.cmd.Wait() // how it ended tells nothing
	late.Stop()
}

// Faults merges these switches into the present ones: {"as": {…}, "rs": {…}}.
func (b *Testbed) Faults(switches map[string]any) { b.do("PUT", "/faults", switches, nil) }

// Reset puts all switches back and empties the log.
func (b *Testbed) Reset() { b.do("DELETE", "/faults", nil, nil) }

// ClearLog empties the log.
func (b *Testbed) ClearLog() { b.do("DELETE", "/log", nil, nil) }

// Log gives the requests that were answered since the last [Testbed.ClearLog] or
// [Testbed.Reset], in the order in which their answers ended: a standing stream
// comes when it is closed. What was answered before the call is in it.
func (b *Testbed) Log() []Request {
	b.t.Helper()
	// A request is written down when its connection is done with it, which can be after the peer has the answer.
	var log, before []Request
	b.do("GET", "/log", nil, &log)
	for !reflect.DeepEqual(log, before) {
		before, log = log, nil
		time.Sleep(10 * time.Millisecond)
		b.do("GET", "/log", nil, &log)
	}
	return log
}

// Seen gives what the log has of one method and path, such as "POST", "/token".
func (b *Testbed) Seen(method, path string) []Request {
	b.t.Helper()
	var seen []Request
	for _, r := range b.Log() {
		if r.Method == method && r.Path == path {
			seen = append(seen, r)
		}
	}
	return seen
}

// Mint gives a signed access token. The claims aud, scope, iss, sub and typ, and
// expiresIn in seconds, which may be negative, replace those of a good one for the
// MCP server with mcp:read for a minute.
func (b *Testbed) Mint(claims map[string]any) string {
	b.t.Helper()
	var answer struct {
		Token string `json:"access_token"`
	}
	b.do("POST", "/mint", claims, &answer)
	if answer.Token == "" {
		b.t.Fatal("mcptest: testbed: no token minted")
	}
	return answer.Token
}

// CIMD makes the authorization server find a client metadata document at the URL
// that is its client_id. Nothing is fetched.
func (b *Testbed) CIMD(document map[string]any) { b.do("PUT", "/cimd", document, nil) }

// Forget makes the authorization server forget all records of a kind: Client,
// Grant, RefreshToken, AccessToken or Session. Access tokens already given out
// are signed and stay good: {"rs": {"reject": n}} refuses them.
func (b *Testbed) Forget(kind string) { b.do("POST", "/forget", map[string]any{"kind": kind}, nil) }

// do makes one request to the admin endpoint.
func (b *Testbed) do(method, path string, send, answer any) {
	b.t.Helper()
	body, err := json.Marshal(send)
	if err != nil {
		b.t.Fatalf("mcptest: testbed: %v", err)
	}
	req, err := http.NewRequestWithContext(context.Background(), method, b.Admin+path, strings.NewReader(string(body)))
	if err != nil {
		b.t.Fatalf("mcptest: testbed: %v", err)
	}
	res, err := b.admin.Do(req)
	if err != nil {
		b.t.Fatalf("mcptest: testbed: %v", err)
	}
	defer res.Body.Close()
	got, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s %s: %s: %s", method, path, res.Status, got)
	}
	if err == nil && answer != nil {
		err = json.Unmarshal(got, answer)
	}
	if err != nil {
		b.t.Fatalf("mcptest: testbed: %v", err)
	}
}
