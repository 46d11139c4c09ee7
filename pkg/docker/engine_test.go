//go:build unix

package docker

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/mcptest"
)

// Another engine may be at the same place after a while.
func TestAnEngineOfAnotherVersion(t *testing.T) {
	t.Parallel()
	is := func(text string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, text) }
	}
	f := mcptest.NewFakeEngine(t, map[string]http.HandlerFunc{"GET /images/{name...}": is(`{"Id":"sha256:1"}`), "POST /containers/create": func(w http.ResponseWriter, q *http.Request) {
		mcptest.FakeStatus(400, "enough for "+q.RequestURI)(w, q)
	}})
	version := func(v string) {
		ping := func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Api-Version", v) }
		f.On("HEAD /_ping", ping)
		f.On("GET /_ping", ping)
	}
	r := newRig(t, f.Host)
	for _, v := range []string{"1.51", "1.41", "1.47"} {
		version(v)
		fails(t, r.start(r.spec()).end(), "enough for /v"+v+"/containers/create")
	}
	version("1.38")
	fails(t, r.start(r.spec()).end(), "too old", "1.38", "Update it")
}

func TestLacking(t *testing.T) {
	t.Parallel()
	is := func(text string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, text) }
	}
	const seccomp = `,"SecurityOptions":["name=apparmor","name=seccomp,profile=default"]`
	const all = `"OSType":"linux","MemoryLimit":true,"CpuCfsPeriod":true,"CpuCfsQuota":true,"PidsLimit":true`
	limited := config.Isolation{Memory: 1 << 30, CPUs: 1, Pids: 100}
	for name, c := range map[string]struct {
		info string
		iso  config.Isolation
		want []string
	}{
		"all":              {`{` + all + seccomp + `}`, limited, []string{"enough"}},
		"nothing asked":    {`{"OSType":"linux"` + seccomp + `}`, config.Isolation{}, []string{"enough"}},
		"memory":           {`{` + strings.Replace(all, `"MemoryLimit":true`, `"MemoryLimit":false`, 1) + seccomp + `}`, limited, []string{"cannot limit memory", "isolation.memory_limit"}},
		"processors":       {`{` + strings.Replace(all, `"CpuCfsQuota":true`, `"CpuCfsQuota":false`, 1) + seccomp + `}`, limited, []string{"cannot limit processors", "isolation.cpu_limit"}},
		"processes":        {`{` + strings.Replace(all, `"PidsLimit":true`, `"PidsLimit":false`, 1) + seccomp + `}`, limited, []string{"cannot limit processes", "isolation.pids_limit"}},
		"windows":          {`{"OSType":"windows"}`, config.Isolation{}, []string{"runs windows containers"}},
		"no seccomp":       {`{` + all + `,"SecurityOptions":["name=apparmor"]}`, config.Isolation{}, []string{"cannot filter system calls"}},
		"seccomp not used": {`{` + all + `,"SecurityOptions":["name=seccomp,profile=unconfined"]}`, config.Isolation{}, []string{"enough seccomp=builtin"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := mcptest.NewFakeEngine(t, map[string]http.HandlerFunc{"GET /info": is(c.info), "GET /images/{name...}": is(`{"Id":"sha256:1"}`),
				"POST /containers/create": func(w http.ResponseWriter, q *http.Request) {
					body, _ := io.ReadAll(q.Body)
					text := "enough"
					if strings.Contains(string(body), `"seccomp=builtin"`) {
						text += " seccomp=builtin"
					}
					mcptest.FakeStatus(400, text)(w, q)
				}})
			r := newRig(t, f.Host)
			spec := r.spec()
			c.iso.Image = probeImage
			spec.Isolation = c.iso
			err := r.start(spec).end()
			fails(t, err, c.want...)
			if strings.HasSuffix(c.want[0], "enough") && strings.Contains(err.Error(), "builtin") {
				t.Error(err)
			}
		})
	}
}
