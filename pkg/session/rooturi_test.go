package session

import (
	"fmt"
	"runtime"
	"testing"
)

func TestRootPath(t *testing.T) {
	unix := map[string]string{
		"file:///home/me/dev/#work": "/home/me/dev/#work", "file:///home/me/dev/a#b": "/home/me/dev/a#b", "/home/me/dev/plain": "/home/me/dev/plain",
		"file:///home/me/a%23b": "/home/me/a#b", "file:///home/me/what?": "/home/me/what?", "file:///home/me/a?b=c#d": "/home/me/a?b=c#d", "file:///home/me/a%3Fb": "/home/me/a?b",
		"file:///home/me/My Project": "/home/me/My Project", "file:///home/me/My%20Project": "/home/me/My Project", "file:///home/me/a+b": "/home/me/a+b",
		"file:///home/me/100%": "/home/me/100%", "file:///home/me/100%/x%20y": "/home/me/100%/x y", "file:///home/me/%zz": "/home/me/%zz", "file:///home/me/a%25b": "/home/me/a%b", "file:///home/me/50%2": "/home/me/50%2",
		"file:///home/me/%C3%BC": "/home/me/ü", "file:///home/me/ü": "/home/me/ü", "file:///home/me/a%5Cb": `/home/me/a\b`,
		"file://localhost/home/me": "/home/me", "file://LOCALHOST/home/me": "/home/me", "FILE:///home/me": "/home/me", "File://LocalHost/home/me/": "/home/me",
		"file:/home/me": "/home/me", "file:////home/me": "/home/me", "file:///home/me/": "/home/me", "file:///": "/", "/home/me/a#b?c%20d": "/home/me/a#b?c%20d", " file:///home/me ": "/home/me",
		"file://server/share": "", "file://home/me": "", "home/me": "", "./x": "", "~/x": "", "": "", "file:": "", "file://": "", "https://example.com/home/me": "", "vscode-remote://ssh/home/me": "",
		"untitled:x": "", `C:\x`: "", "file:///home/a%00b": "", "/home/a\x00b": "", "file:home/me": "", "file://localhost": "",
	}
	windows := map[string]string{
		"file:///C:/Users/me": `C:\Users\me`, "file:///c%3A/Users/me": `c:\Users\me`, "file:///c:/My%20Project/#1": `c:\My Project\#1`, "file://C:/Users/me": `C:\Users\me`,
		"file:///C|/Users/me": `C:\Users\me`, "file:/C:/Users": `C:\Users`, "file:C:/Users": `C:\Users`, `C:\Users\me`: `C:\Users\me`, "C:/Users/me/": `C:\Users\me`, "/C:/Users/me": `C:\Users\me`,
		"file:///C:/": `C:\`, "C:": `C:\`, "file:///C:": `C:\`, "file://server/share/dir": `\\server\share\dir`, "file:////server/share/dir": `\\server\share\dir`,
		`\\server\share\dir`: `\\server\share\dir`, "//server/share": `\\server\share`, `file:///C:\Users\me`: `C:\Users\me`, "file://localhost/C:/Users": `C:\Users`, "file://LOCALHOST/c%3a/x": `c:\x`,
		"file://wsl.localhost/Ubuntu/home/me": `\\wsl.localhost\Ubuntu\home\me`, "file:///C:/a/../b": `C:\b`, "file:///C:/100%": `C:\100%`,
		"file://server": "", "file:///home/me": "", "/home/me": "", "Users/me": "", "C:x": "", "1:/x": "", "https://c/x": "",
	}
	for uri, want := range unix {
		if got := rootPath(uri, false); got != want {
			t.Errorf("%q: %q, want %q", uri, got, want)
		}
	}
	for uri, want := range windows {
		if got := rootPath(uri, true); got != want {
			t.Errorf("on Windows, %q: %q, want %q", uri, got, want)
		}
	}
}

// The first root that is a directory of this machine counts.
func TestFirstFolder(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the paths are those of Unix; TestRootPath has the others")
	}
	for roots, want := range map[string]string{
		`{"uri":"https://x/"},{"name":"no uri"},{"uri":7},{"uri":"file:///a/#b"},{"uri":"file:///c"}`: "/a/#b",
		`{"uri":"/plain"}`: "/plain", `{"uri":"file:\/\/LOCALHOST\/a%20b"}`: "/a b", ``: "",
	} {
		if got := firstFolder(fmt.Appendf(nil, `{"roots":[%s]}`, roots)); got != want {
			t.Errorf("%s: %q, want %q", roots, got, want)
		}
	}
}

func FuzzRootPath(f *testing.F) {
	for _, uri := range []string{"file:///a/#b", "file://C:/x", `\\a\b`, "file:///%", "C|/"} {
		f.Add(uri)
	}
	f.Fuzz(func(t *testing.T, uri string) {
		rootPath(uri, true)
		if got := rootPath(uri, false); got != "" && got[0] != '/' {
			t.Errorf("%q: %q", uri, got)
		}
	})
}
