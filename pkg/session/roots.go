package session

import (
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"time"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/jsonrpc"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/mcp"
)

// rootsWait is how long a start waits for the client to tell its roots.
const rootsWait = time.Second

// roots is what the client told of its folders, asked once and again after it said that they changed.
type roots struct {
	mu     sync.Mutex
	asked  chan struct{} // closed when answered; nil: not asked
	folder string        // the first file root
}

func (r *roots) forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.asked = nil
}

// workspace is the folder the client works in: the one given, else its first file root, else its working directory.
// The file system's root and the home directory are none ("").
func (s *Session) workspace() string {
	if s.opts.Workspace != "" {
		return s.opts.Workspace
	}
	return s.folder(s.firstRoot())
}

// Locate asks the client for its workspace, if it was not asked yet; the host is told when it turns out to be another.
func (s *Session) Locate() { s.workspace() }

// KnownWorkspace is the workspace as far as it is known without asking the client.
func (s *Session) KnownWorkspace() string {
	if s.opts.Workspace != "" {
		return s.opts.Workspace
	}
	s.roots.mu.Lock()
	root := s.roots.folder
	s.roots.mu.Unlock()
	return s.folder(root)
}

// folder is the root, else the working directory, if it can be a workspace.
func (s *Session) folder(root string) string {
	folder := root
	if st, err := os.Stat(folder); err != nil || !st.IsDir() { // none, or one of another machine
		folder = s.opts.Dir
	}
	home, _ := os.UserHomeDir()
	if clean := filepath.Clean(folder); folder == "" || clean == filepath.Clean(home) || filepath.Dir(clean) == clean {
		return ""
	}
	return folder
}

func (s *Session) firstRoot() string {
	if !s.client().Can("roots") {
		return ""
	}
	deadline := time.NewTimer(rootsWait)
	defer deadline.Stop()
	select {
	case <-s.handshake.done: // a client may not be asked before
	case <-deadline.C:
		return ""
	case <-s.ctx.Done():
		return ""
	}
	r := &s.roots
	r.mu.Lock()
	asked := r.asked
	if asked == nil {
		asked = make(chan struct{})
		r.asked = asked
		s.spawn(func() {
			s.ask(mcp.RootsList, nil, func(m *jsonrpc.Message) {
				r.mu.Lock()
				if r.asked == asked { // else they have changed meanwhile, and the client is asked again
					r.folder = firstFolder(m.Bytes(m.Result))
				}
				r.mu.Unlock()
				s.host.Moved(s) // before the starts that wait for the answer: the workspace may decide that they must not be
				close(asked)
			})
		})
	}
	r.mu.Unlock()
	select {
	case <-asked:
	case <-deadline.C:
	case <-s.ctx.Done():
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.folder
}

// firstFolder is the path of the first root that is a directory in the raw result of roots/list.
func firstFolder(result []byte) string {
	items, _, err := mcp.Items(result, "roots", 1000)
	if err != nil {
		return ""
	}
	for _, root := range items {
		if folder := rootPath(string(jsonrpc.Unquote(mcp.Field(root, "uri"))), runtime.GOOS == "windows"); folder != "" {
			return folder
		}
	}
	return ""
}
