package launch

import (
	"fmt"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/sandbox"
)

// planted refuses a listed path on whose way a link lies where the server can write: it may be the server that has put
// it there, in its last run, to be given what the link leads to.
func planted(iso *config.Isolation, dir string) error {
	if runtime.GOOS == "windows" {
		return nil // where a user makes no links
	}
	type place struct {
		option, path string
		write        bool
	}
	var all []place
	for _, m := range iso.Mounts {
		all = append(all, place{"isolation.mounts", m.Host, !m.ReadOnly})
	}
	if iso.Dir != "" {
		all = append(all, place{"working_dir", dir, iso.Dir == "rw"})
	}
	for _, p := range all {
		links, err := sandbox.LinksOn(p.path)
		if err != nil {
			continue // what is not there is told by whoever wants it
		}
		for _, w := range all {
			real, err := filepath.EvalSymlinks(w.path)
			if err != nil || !w.write {
				continue
			}
			for _, link := range links {
				if strings.HasPrefix(link, strings.TrimSuffix(real, "/")+"/") {
					return fmt.Errorf("%s names %s, on whose way %s is a link, and the server itself could have put it there, since it may write in %s: name in %s what the link leads to, if you trust it",
						p.option, p.path, link, w.path, p.option)
				}
			}
		}
	}
	return nil
}
