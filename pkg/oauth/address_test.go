package oauth

import (
	"errors"
	"net/netip"
	"net/url"
	"strings"
	"testing"
)

func guardFor(t testing.TB, server string, allowPrivate bool) *guard {
	t.Helper()
	u, err := url.Parse(server)
	if err != nil {
		t.Fatal(err)
	}
	return newGuard(u, allowPrivate)
}

func TestReach(t *testing.T) {
	for want, list := range map[reach]string{
		public: `8.8.8.8 1.1.1.1 172.15.255.255 172.32.0.0 100.63.255.255 100.128.0.0 192.167.255.255 9.255.255.255 11.0.0.0
			198.17.255.255 198.20.0.0 2606:4700::1111 2a00:1450::1 ::ffff:8.8.8.8 64:ff9b::808:808 2002:808:808::1 ::8.8.8.8`,
		loopback: "127.0.0.1 127.255.255.255 ::1 ::ffff:127.0.0.1 ::ffff:7f00:1 64:ff9b::7f00:1 2002:7f00:1:: ::127.0.0.1",
		private: `10.0.0.1 10.255.255.255 172.16.0.1 172.31.255.255 192.168.0.1 100.64.0.1 100.127.255.255 192.0.0.1 192.0.2.1
			198.18.0.1 198.19.255.255 198.51.100.1 203.0.113.1 192.88.99.1 240.0.0.1 255.255.255.254 fc00::1 fd12:3456::1 2001:db8::1
			2001::1 2001:1ff::1 3fff::1 100::1 5f00::1 fec0::1 4000::1 ::ffff:10.0.0.1 64:ff9b::a00:1 2002:a00:1:: 64:ff9b:1::808:808`,
		never: `0.0.0.0 0.1.2.3 169.254.169.254 169.254.0.1 224.0.0.1 239.255.255.255 255.255.255.255 :: fe80::1 fe80::1%eth0 febf::1
			ff02::1 100.100.100.200 168.63.129.16 192.0.0.192 fd00:ec2::254 fd20:ce::254 ::ffff:169.254.169.254 ::ffff:0.0.0.0
			64:ff9b::a9fe:a9fe 64:ff9b:1::a9fe:a9fe 2002:a9fe:a9fe:: ::169.254.169.254`,
	} {
		for s := range strings.FieldsSeq(list) {
			if got := reachOf(netip.MustParseAddr(s)); got != want {
				t.Errorf("%s is taken for %s, not for %s", s, got, want)
			}
		}
	}
	if reachOf(netip.Addr{}) != never {
		t.Error("no address is taken for one")
	}
}

func TestJudge(t *testing.T) {
	const remote, home, local = "https://mcp.example/mcp", "https://10.1.2.3/mcp", "http://localhost:8000/mcp"
	for _, c := range []struct {
		server       string
		allowPrivate bool
		host, ip     string
		ok           bool
	}{
		{remote, false, "as.example", "8.8.8.8", true},
		{remote, false, "as.example", "127.0.0.1", false},
		{remote, false, "mcp.example", "127.0.0.1", false},
		{remote, true, "as.example", "127.0.0.1", false},
		{remote, false, "as.example", "10.0.0.1", false},
		{remote, true, "as.example", "10.0.0.1", true},
		{remote, false, "MCP.example.", "10.0.0.1", true},
		{remote, false, "mcp.example", "fd00::1", true},
		{remote, false, "mcp.example", "169.254.169.254", false},
		{remote, true, "as.example", "169.254.169.254", false},
		{remote, true, "as.example", "100.100.100.200", false},
		{remote, true, "as.example", "fd00:ec2::254", false},
		{home, false, "10.1.2.3", "10.1.2.3", true},
		{home, false, "10.1.2.4", "10.1.2.4", false},
		{home, false, "x.example", "127.0.0.1", false},
		{local, false, "x.example", "::1", true},
		{local, false, "x.example", "192.168.0.1", false},
		{local, false, "x.example", "0.0.0.0", false},
		{"https://169.254.169.254/mcp", true, "169.254.169.254", "169.254.169.254", false},
	} {
		err := guardFor(t, c.server, c.allowPrivate).judge(c.host, netip.MustParseAddr(c.ip))
		if (err == nil) != c.ok || err != nil && !errors.Is(err, errRefusedAddress) {
			t.Errorf("server %s, allow_private %t: %s at %s: %v", c.server, c.allowPrivate, c.host, c.ip, err)
		}
	}
}

// hostileURLs are for checkURL of a remote server that does not allow private addresses.
var hostileURLs = []string{
	"", " ", "/", "//as.example/", "as.example", "as.example/path", "?x", "https", "https:", "https:/", "https://", "https:///path",
	"https:as.example", "https:?x", "javascript:alert(1)", "javascript://as.example/%0aalert(1)", "JavaScript:alert(1)",
	"data:text/html,<script>", "file:///etc/passwd", "file://as.example/etc/passwd", "ftp://as.example/", "ws://as.example/",
	"vscode://file/etc/passwd", "ms-msdt:/id", "blob:https://as.example/1", "view-source:https://as.example", "about:blank",
	"a:$(cmd.exe /c whoami)?", "$(id)", "`id`", "| id", "-oProxyCommand=id", "--help", "https://`id`.example/", "https://$(id)/",
	"https://as.example/`id`", "https://as.example/|id", "https://as.example/\"&calc", "https://as.example/<x>", "https://as.example/{x}",
	"https://as.example/^x", "https://as.example/\\x", "https://as.example/a b", " https://as.example/", "https://as.example/ ",
	"https://as.example/\n", "https://as.example/\r\nHost: x", "https://as.example/\x00", "https://as.example/\x1b[2J", "https://as.example/\x7f",
	"https://as.example\t/", "https://as.example/\u202e", "https://as.example/é", "https://as.exämple/", "https://１２７.0.0.1/", "https://as。example/",
	"https://user@as.example/", "https://user:pass@as.example/", "https://@as.example/", "https://mcp.example@as.example/", "https://as.example\\@mcp.example/",
	"https://as.example#@mcp.example/", "https://as.example/#", "https://as.example/#fragment",
	"http://as.example/", "http://8.8.8.8/", "http://mcp.example/", "http://localhost/", "http://localhost:8080/", "http://127.0.0.1/",
	"https://localhost/", "https://LOCALHOST./", "https://x.localhost/", "https://127.0.0.1/", "https://127.8.8.8/", "https://[::1]/",
	"https://2130706433/", "https://0x7f000001/", "https://0x7f.1/", "https://0X7F.0.0.1/", "https://0177.0.0.1/", "https://017700000001/",
	"https://127.1/", "https://127.0.1/", "https://127.0.0.1./", "https://127.0.0.01/", "https://0/", "https://1.2.3.4.5/", "https://999.1.1.1/",
	"https://as.0x7f/", "https://as.1/", "https://[::ffff:127.0.0.1]/", "https://[::ffff:7f00:1]/", "https://[::7f00:1]/", "https://[64:ff9b::7f00:1]/",
	"https://[2002:7f00:1::]/", "https://[fe80::1%25eth0]/", "https://[2606:4700::1111%25eth0]/", "https://[fe80::1]/", "https://[::]/", "https://0.0.0.0/",
	"https://10.0.0.1/", "https://172.16.0.1/", "https://192.168.1.1/", "https://100.64.0.1/", "https://[fd00::1]/", "https://169.254.169.254/latest/meta-data/",
	"http://169.254.169.254/latest/meta-data/", "https://[fd00:ec2::254]/", "https://100.100.100.200/", "https://224.0.0.1/", "https://255.255.255.255/",
	"https://-as.example/", "https://-/", "https://./", "https://.example/", "https://as..example/", "https://as.example../", "https://as%2eexample/", "https://as%00.example/",
	"https://as,example/", "https://as;id/", "https://as&id/", "https://as!example/", "https://*.example/", "https://as.example:/", "https://as.example:0/",
	"https://as.example:65536/", "https://as.example:99999999999999999999/", "https://as.example:x/", "https://as.example:-1/", "https://as.example:80:80/",
	"https://[as.example]/", "https://[::1/", "https://::1/", "https://as.example/%zz", "https://as.example/" + strings.Repeat("a", 2048),
	"https://" + strings.Repeat("a.", 127) + "example/", "HTTPS:\\\\as.example",
}

func TestHostileURLs(t *testing.T) {
	g := guardFor(t, "https://mcp.example/mcp", false)
	for _, raw := range hostileURLs {
		u, err := g.checkURL("token_endpoint", raw)
		if err == nil || u != nil {
			t.Errorf("%.100q is taken", raw)
			continue
		}
		if msg := err.Error(); !strings.HasPrefix(msg, "token_endpoint can't be used: ") || strings.ContainsAny(msg, "\x1b\n\r\x00\u202e") || len(msg) > 500 {
			t.Errorf("%.100q: %q", raw, msg)
		}
	}
	if _, err := g.checkURL("x", "https://as.example/secretpath?secretquery=1#secretfragment"); err == nil || strings.Contains(err.Error(), "secret") {
		t.Errorf("quoted: %v", err)
	}
}

func TestUsualURLs(t *testing.T) {
	remote := guardFor(t, "https://mcp.example/mcp", false)
	for _, raw := range []string{"https://as.example", "https://as.example/", "https://AS.example:8443/a/b?c=d&e=%20", "https://8.8.8.8/", "https://[2606:4700::1111]:443/",
		"https://xn--exmple-cua.example/", "https://a_b.example/", "https://as.example./", "https://as.example/$(id);'x'", "HTTPS://as.example/"} {
		if u, err := remote.checkURL("x", raw); err != nil || u.Scheme != "https" {
			t.Errorf("%s: %v", raw, err)
		}
	}
	local := guardFor(t, "http://127.0.0.1:8000/mcp", false)
	for _, raw := range []string{"http://localhost:1/", "http://127.0.0.1/", "http://[::1]:8/", "http://127.9.9.9/", "https://localhost/", "https://as.example/", "https://x.localhost/"} {
		if _, err := local.checkURL("x", raw); err != nil {
			t.Errorf("%s: %v", raw, err)
		}
	}
	for _, raw := range []string{"http://as.example/", "http://x.localhost/", "http://10.0.0.1/", "https://10.0.0.1/", "http://2130706433/", "http://0.0.0.0/", "https://169.254.169.254/"} {
		if _, err := local.checkURL("x", raw); err == nil {
			t.Errorf("%s is taken beside a server on this machine", raw)
		}
	}
	if _, err := guardFor(t, "https://mcp.example", true).checkURL("x", "https://10.0.0.1/"); err != nil {
		t.Error("allow_private: ", err)
	}
	if _, err := guardFor(t, "https://10.0.0.1/mcp", false).checkURL("x", "https://10.0.0.1:9/"); err != nil {
		t.Error("the server's own: ", err)
	}
}

// Whatever passes names a host with a plain address or name, and nothing that another parser would take for something else.
func FuzzCheckURL(f *testing.F) {
	for _, raw := range hostileURLs {
		f.Add(raw)
	}
	f.Add("https://as.example:8443/a?b=c")
	u, _ := url.Parse("https://mcp.example/mcp")
	g := newGuard(u, false)
	f.Fuzz(func(t *testing.T, raw string) {
		u, err := g.checkURL("x", raw)
		if err != nil {
			for _, c := range err.Error() {
				if c < ' ' || c == 0x7f {
					t.Fatalf("%q quotes a control character", err)
				}
			}
			return
		}
		again, err := url.Parse(u.String())
		switch {
		case u.Scheme != "https" || u.User != nil || u.Fragment != "" || u.Hostname() == "" || u.Hostname()[0] == '-':
			t.Fatalf("%q: %+v", raw, u)
		case err != nil || again.Host != u.Host:
			t.Fatalf("%q reads differently when it is written again", raw)
		case !strings.Contains(strings.ToLower(raw), "https://"+strings.ToLower(u.Host)):
			t.Fatalf("%q does not show its host %q", raw, u.Host)
		}
		if ip, err := netip.ParseAddr(u.Hostname()); err == nil && reachOf(ip) != public {
			t.Fatalf("%q is not public", raw)
		}
	})
}
