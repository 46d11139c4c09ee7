package mcptest

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
)

// Registry is an npm registry with the packages that a test publishes. It serves what installers ask for: the document of a package
// and its archives.
type Registry struct {
	URL string

	mu       sync.Mutex
	packages map[string]*published
	asked    []string
}

type published struct {
	latest   string
	versions map[string]map[string]any
	archives map[string][]byte
}

// NewRegistry starts a registry that ends with the test.
func NewRegistry(t testing.TB) *Registry {
	r := &Registry{packages: map[string]*published{}}
	server := httptest.NewServer(r)
	t.Cleanup(server.Close)
	r.URL = server.URL
	return r
}

// Publish adds a version of a package and makes it the latest. manifest are the fields of its package.json beside name and version; files
// are its other files by name.
func (r *Registry) Publish(t testing.TB, name, version string, manifest map[string]any, files map[string]string) {
	t.Helper()
	m := map[string]any{"name": name, "version": version}
	maps.Copy(m, manifest)
	text, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	var archive bytes.Buffer
	zipped := gzip.NewWriter(&archive)
	tarred := tar.NewWriter(zipped)
	all := maps.Clone(files)
	if all == nil {
		all = map[string]string{}
	}
	all["package.json"] = string(text)
	for _, file := range slices.Sorted(maps.Keys(all)) {
		tarred.WriteHeader(&tar.Header{Name: "package/" + file, Mode: 0o755, Size: int64(len(all[file])), Typeflag: tar.TypeReg})
		tarred.Write([]byte(all[file]))
	}
	tarred.Close()
	zipped.Close()
	sum := sha512.Sum512(archive.Bytes())
	base := name[strings.LastIndexByte(name, '/')+1:] + "-" + version + ".tgz"
	m["dist"] = map[string]any{
		"tarball":   r.URL + "/" + name + "/-/" + base,
		"integrity": "sha512-" + base64.StdEncoding.EncodeToString(sum[:]),
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	p := r.packages[name]
	if p == nil {
		p = &published{versions: map[string]map[string]any{}, archives: map[string][]byte{}}
		r.packages[name] = p
	}
	p.latest, p.versions[version], p.archives[base] = version, m, archive.Bytes()
}

// Asked gives the paths that were asked for.
func (r *Registry) Asked() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.asked)
}

func (r *Registry) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	r.mu.Lock()
	defer r.mu.Unlock()
	path, _ := url.PathUnescape(strings.TrimPrefix(req.URL.EscapedPath(), "/"))
	r.asked = append(r.asked, path)
	if name, base, ok := strings.Cut(path, "/-/"); ok {
		if p := r.packages[name]; p != nil && p.archives[base] != nil {
			w.Write(p.archives[base])
			return
		}
	} else if p := r.packages[path]; p != nil {
		w.Header().Set("Content-Type", "application/json")
		json.NewEncoder(w).Encode(map[string]any{"name": path, "dist-tags": map[string]string{"latest": p.latest}, "versions": p.versions})
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusNotFound)
	w.Write([]byte(`{"error":"not found"}`))
}
