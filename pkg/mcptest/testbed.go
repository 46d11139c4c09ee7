package mcptest

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// EnvOAuth names the folder that testdata/oauth-testbed was installed into with npm.
const EnvOAuth = "MCPPROXY_TEST_OAUTH"

const testbedTimeout = 20 * time.Second // to start, and for one answer of the admin endpoint

// Testbed is a real OAuth 2.1 authorization server and an MCP server that it
// protects: testdata/oauth-testbed, whose README says
// what they know and can be made to do wrong. Its methods fail the test if the
// testbed does not answer.
type Testbed struct {
	MCP    string // URL of the protected MCP server; its tools are whoami (scope mcp:read) and write_note (mcp:write)
	Issuer string // of the authorization server
	Admin  string // URL of the admin endpoint

	t     testing.TB
	admin *http.Client
	n     int // its number in the process
	done  bool
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
// All testbeds of a test binary are in one process, since Node takes as long to start as a test does.
func NewTestbed(t testing.TB, args ...string) *Testbed {
	t.Helper()
	node, sources, packages := testbedFiles(t)
	b := &Testbed{t: t, admin: &http.Client{Timeout: Patience(testbedTimeout), Transport: &http.Transport{DisableKeepAlives: true}}}
	if err := testbeds.begin(node, sources, packages); err != nil {
		t.Fatalf("mcptest: testbed: %v", err)
	}
	if args == nil {
		args = []string{}
	}
	b.n = int(testbeds.last.Add(1))
	at, err := testbeds.order(map[string]any{"start": b.n, "args": args})
	if err != nil {
		t.Fatalf("mcptest: the testbed did not start: %v", err)
	}
	b.MCP, b.Issuer, b.Admin = at.MCP, at.Issuer, at.Admin
	t.Cleanup(b.Stop)
	return b
}

// testbeds is the process with all testbeds of this test binary. It ends when its stdin does, with us.
var testbeds testbedProcess

type testbedProcess struct {
	last  atomic.Int64 // number of the latest testbed
	begun sync.Once
	err   error

	mu     sync.Mutex // one order at a time
	cmd    *exec.Cmd
	stdin  io.Writer
	stdout *bufio.Reader
	stderr string // a file: a goroutine that copies would count as a leak
}

// begin starts the process, once.
func (p *testbedProcess) begin(node, sources, packages string) error {
	p.begun.Do(func() {
		dir, err := os.MkdirTemp("", "testbed") // a module's imports are looked up from where the file really is: so a copy
		if err == nil {
			err = os.CopyFS(dir, os.DirFS(sources))
		}
		if err == nil {
			err = os.Symlink(packages, filepath.Join(dir, "node_modules"))
		}
		p.stderr = filepath.Join(dir, "stderr")
		stderr, errErr := os.Create(p.stderr)
		if p.err = errors.Join(err, errErr); p.err != nil {
			return
		}
		defer stderr.Close()
		p.cmd = exec.Command(node, filepath.Join(dir, "testbed.mjs"), "--many", "--remove", dir)
		p.cmd.Stderr = stderr
		stdin, err := p.cmd.StdinPipe()
		stdout, outErr := p.cmd.StdoutPipe()
		if p.err = errors.Join(err, outErr); p.err != nil {
			return
		}
		p.stdin, p.stdout = stdin, bufio.NewReader(stdout)
		p.err = p.cmd.Start()
	})
	return p.err
}

// order sends one order and gives the answer to it.
func (p *testbedProcess) order(order map[string]any) (answer struct{ MCP, Issuer, Admin, Error string }, err error) {
	line, err := json.Marshal(order)
	if err != nil {
		return answer, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	slow := time.AfterFunc(Patience(testbedTimeout), func() { _ = p.cmd.Process.Kill() })
	defer slow.Stop()
	if _, err = p.stdin.Write(append(line, '\n')); err == nil {
		line, err = p.stdout.ReadBytes('\n')
	}
	if err == nil {
		err = json.Unmarshal(line, &answer)
	}
	if err == nil && answer.Error != "" {
		err = errors.New(answer.Error)
	}
	if err != nil {
		stderr, _ := os.ReadFile(p.stderr)
		return answer, fmt.Errorf("%w; on stderr: %s", err, stderr)
	}
	return answer, nil
}

// testbedFiles gives Node, the testbed's sources in this repository, and the folder of the installed packages.
func testbedFiles(t testing.TB) (node, sources, packages string) {
	t.Helper()
	missing := t.Skipf
	if os.Getenv("MCPPROXY_TEST_NO_SKIP") != "" {
		missing = t.Fatalf
	}
	node, err := exec.LookPath("node")
	if err != nil {
		missing("needs Node: %v", err)
	}
	packages, err = filepath.Abs(filepath.Join(os.Getenv(EnvOAuth), "node_modules"))
	if _, statErr := os.Stat(filepath.Join(packages, "oidc-provider")); os.Getenv(EnvOAuth) == "" || err != nil || statErr != nil {
		missing("needs the OAuth testbed: set %s to a folder that testdata/oauth-testbed was installed into", EnvOAuth)
	}
	sources, err = repositoryFile("testdata/oauth-testbed")
	if err != nil {
		t.Fatalf("mcptest: testbed: %v", err)
	}
	return node, sources, packages
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
	if _, err := testbeds.order(map[string]any{"stop": b.n}); err != nil {
		b.t.Errorf("mcptest: testbed: %v", err)
	}
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
