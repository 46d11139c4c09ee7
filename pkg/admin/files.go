package admin

import (
	"fmt"

	"github.com/rs/zerolog"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/hub"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/oauth"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/quarantine"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/store"
)

// Files are the servers as a hub that starts here would have them: the configuration and the records, without a hub.
type Files struct {
	Path      string // of the user's file
	Workspace string // "": none
	Store     *store.Store
	Book      *quarantine.Book
	Log       zerolog.Logger
	Logins    *oauth.Logins
	Doubt     func(*config.Config) string                 // why a file that was never run is not taken for the person's own, "" if it is
	Resolve   func(*config.Server) (config.Launch, error) // an entry, as a session here would
	// Lenient has records that can't be read told in Log: what is shown then is only looked at, and decides nothing.
	Lenient bool
}

// View implements [Host]. Nothing is started or written but the key of the store. With an error the view tells where records are.
func (f *Files) View() (*hub.View, error) {
	v := &hub.View{Paths: []string{f.Path}, Confirmed: config.ApprovalHuman, Book: f.Book}
	if f.Workspace != "" {
		v.Paths = append(v.Paths, config.WorkspacePath(f.Workspace))
	}
	c, err := config.Load(f.Path)
	if err != nil {
		return v, err
	}
	v.Config = c
	if err := f.recall(v); err != nil && !f.Lenient {
		return v, fmt.Errorf("the state directory: %w – mcpproxy-stdio trusts nothing before it can read it", err)
	}
	for _, s := range hub.Servers(v.Config, f.Workspace, f.Store, f.Log) {
		v.Servers = append(v.Servers, &s)
	}
	return v, nil
}

// recall reads what is recorded of the configuration as a whole.
func (f *Files) recall(v *hub.View) error {
	if !f.Lenient {
		key, err := f.Book.Key()
		if err != nil {
			return err
		}
		v.Config = v.Config.Keyed(key)
	}
	base, err := f.Book.ReadBaseline(v.Config.Path)
	switch {
	case err != nil:
		return err
	case base != nil:
		v.Confirmed, v.Desktop, v.Doubt = base.Approval, base.Desktop, base.Doubt
	case v.Config.Exists:
		v.Confirmed = quarantine.Stricter(config.ApprovalHuman, v.Config.Approval)
	}
	return nil
}

// Begin implements [Host]: a record that was written before the baseline would make the rest of the file look like added later.
func (f *Files) Begin() error {
	v, err := f.View()
	if err != nil {
		return err
	}
	base, err := f.Book.TakeBaseline(v.Config, f.Doubt(v.Config))
	if err == nil {
		err = f.Book.Remember(v.Config.Path, base)
	}
	return err
}

// Edit implements [Host].
func (f *Files) Edit(change func(*config.Document) error) error {
	return config.Edit(f.Path, change, config.LockDir(f.Store.Locks()))
}

// Recall implements [Host]: records are read each time.
func (f *Files) Recall(string, string) {}

// Login implements [Host].
func (f *Files) Login(server *config.Server) (*oauth.Login, error) {
	launch, err := f.Resolve(server)
	if err != nil {
		return nil, err
	}
	target, ok := oauth.TargetOf(server, launch)
	if !ok {
		return nil, nil
	}
	return f.Logins.For(target)
}
