package quarantine

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
)

// others gives values to a field of an entry, each another one. Texts have the form that the option wants, where it wants one.
func others(v reflect.Value, path string, each func()) {
	was := reflect.New(v.Type()).Elem()
	was.Set(v)
	defer v.Set(was)
	set := func(x any) {
		v.Set(reflect.ValueOf(x).Convert(v.Type()))
		each()
	}
	switch v.Kind() {
	case reflect.String:
		texts := []string{"", "a", "https://a.example/x?y=1", "${env:A}", "host", "ro", "rw", "abcdefghij0123456789"}
		switch {
		case strings.HasSuffix(path, "Isolation.Type"): // the configuration takes no others
			texts = []string{"docker", "sandbox", "auto", "none"}
		case path == "Protocol":
			texts = []string{"stdio", "http", "sse"}
		}
		for _, text := range texts {
			set(text)
		}
	case reflect.Bool:
		set(false)
		set(true)
	case reflect.Int, reflect.Int64, reflect.Float64:
		for _, n := range []float64{0, 1, 2, 1 << 20, 1<<20 + 1} {
			set(n)
		}
	case reflect.Pointer:
		v.SetZero()
		each()
		v.Set(reflect.New(v.Type().Elem()))
		if i, is := v.Interface().(*config.Isolation); is {
			for _, i.Type = range []string{"docker", "sandbox", "auto"} {
				others(v.Elem(), path, each)
			}
			return
		}
		others(v.Elem(), path, each)
	case reflect.Slice:
		for n := range 2 {
			v.Set(reflect.MakeSlice(v.Type(), n, n))
			for i := range n {
				others(v.Index(i), fmt.Sprintf("%s[%d]", path, i), each)
			}
			each()
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if f := v.Type().Field(i); f.IsExported() {
				others(v.Field(i), path+"."+f.Name, each)
			}
		}
	default:
		panic("a field of kind " + v.Kind().String() + " at " + path + ": give it values")
	}
}

// screen is all that a person is shown of a launch.
func screen(s *config.Server) string {
	t := ReadLaunch(s.LaunchShown(), true)
	return fmt.Sprint(t.Line, t.Facts(), t.File)
}

// What decides about an approval is on the screen: where two entries have different launch keys, and only one option makes the difference, what a
// person reads differs as well, or the value that is another one is named. All fields of an entry are walked, so that an option that is new
// is too.
func TestAllOfALaunchIsShown(t *testing.T) {
	for name, base := range map[string]config.Server{
		"program":   {Protocol: "stdio", Command: "npx", Args: []string{"-y", "p@1.0.0"}},
		"container": {Protocol: "stdio", Command: "npx", Isolation: &config.Isolation{Type: "docker", Network: "bridge", Mounts: []config.Mount{{Host: "/m", Container: "/m"}}}},
		"sandbox":   {Protocol: "stdio", Command: "node", Dir: "/w", Isolation: &config.Isolation{Type: "sandbox"}},
		"auto":      {Protocol: "stdio", Command: "python", Isolation: &config.Isolation{Type: "auto"}},
		"remote":    {Protocol: "http", URL: "https://h.example/mcp", OAuth: &config.OAuth{Login: "ask", Grant: "authorization_code", ClientID: "c", ClientSecret: "s"}},
		"sse":       {Protocol: "sse", URL: "https://h.example/mcp?a=1", Headers: []config.Var{{Name: "X", Value: "y"}}},
	} {
		base.Name, base.Path, base.StartTimeout = "s", "/c.json", time.Second
		type version struct {
			key, screen string
			launch      []byte
		}
		seen := 0
		v := reflect.ValueOf(&base).Elem()
		for i := range v.NumField() {
			field := v.Type().Field(i)
			if !field.IsExported() {
				continue
			}
			var all []version
			others(v.Field(i), field.Name, func() {
				s := base
				now := version{s.LaunchKey(), screen(&s), s.Launch()}
				for _, was := range all {
					if t.Failed() {
						return
					}
					if was.key != now.key && was.screen == now.screen && len(ChangedValues(was.launch, now.launch)) == 0 {
						t.Errorf("%s: %s: these read the same: %s\n%s\n%s", name, field.Name, now.screen, was.launch, now.launch)
					}
				}
				all = append(all, now)
			})
			seen += len(all)
		}
		if seen < 200 {
			t.Errorf("%s: only %d entries were compared", name, seen)
		}
	}
}

// A launch may have members that have no words here: an older version shows what a newer one recorded.
func TestUnknownMembersAreShown(t *testing.T) {
	for raw, want := range map[string]string{
		`{"protocol":"stdio","command":"x","shell":true}`:                                                                  "shell: true",
		`{"protocol":"stdio","command":"x","shell_file":"/e\u202e"}`:                                                       `shell_file: "/e\u202e"`,
		`{"protocol":"stdio","command":"x","env":[{"name":"A","value":"b","required":true}]}`:                              "A=b (required: true)",
		`{"protocol":"stdio","command":"x","isolation":{"type":"docker","privileged":true}}`:                               "privileged: true",
		`{"protocol":"stdio","command":"x","isolation":{"type":"docker","more":["a"]}}`:                                    `more: "[\"a\"]"`,
		`{"protocol":"stdio","command":"x","isolation":{"type":"docker","mounts":[{"host":"/a","container":"/a","z":1}]}}`: "z: 1",
		`{"protocol":"http","url":"https://h","headers":[{"name":"A","value":"b","more":"x"}]}`:                            "A: b (more: x)",
		`{"protocol":"http","url":"https://h","proxy":{"host":"p"}}`:                                                       `proxy: "{\"host\":\"p\"}"`,
		`{"protocol":"http","url":"https://h","oauth":{"audience":"a"}}`:                                                   "audience: a",
		`{"protocol":"http","url":"https://h","command":"x"}`:                                                              "command: x",
		`{"protocol":"stdio","command":"x","allow_http":true}`:                                                             "allow_http: true",
		`{"protocol":"ws","url":"https://h"}`:                                                                              "protocol: ws",
	} {
		got := ReadLaunch([]byte(raw), true)
		if text := fmt.Sprint(got.Line, got.Facts()); !strings.Contains(text, want) {
			t.Errorf("%s\nreads %s, without %s", raw, text, want)
		}
	}
}
