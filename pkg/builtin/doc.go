// Package builtin is the proxy's own tools: one more server, in process, without a prefix, written with mcp-go's types, so
// that there is one way for every tool.
//
// Nothing that can be said to these tools approves or runs what a person has not seen.
package builtin

import (
	"context"
	"time"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/oauth"
)

// Admin is what the tools can have done. *hub.admin is one, the tests have another.
type Admin interface {
	List() Report
	Add(name string, options []config.Option) error
	Update(name string, options []config.Option) (held bool, err error)
	Enable(name string, on bool) error
	Remove(name string) error
	Restart(name string) error
	Logs(name string) (string, error)
	// Note is what the user of this client has to do before they see the tools of a server that has come, "" for nothing.
	Note() string

	Waiting() []Waiting
	Inspect(name string) (Inspection, error)
	Approve(ctx context.Context, name, digest, code string) (Outcome, error)
	Reject(name, tool string) error

	Login(ctx context.Context, name, account string, wait bool) (Login, error)
	Logins(name string) ([]oauth.Status, error)
	Logout(ctx context.Context, name, account string) (text string, err error)
}

// Report is the state of all servers.
type Report struct {
	Config   string         `json:"config"`
	Problems []string       `json:"problems,omitempty"`
	Servers  []ServerStatus `json:"servers"`
}

// ServerStatus is the state of one server. It holds no values of variables, headers or arguments.
type ServerStatus struct {
	Name      string    `json:"name"`
	Protocol  string    `json:"protocol"`
	State     string    `json:"state"` // running, idle, starting, failed, needs_login, disabled, held_launch, held_definitions, refused
	Tools     int       `json:"tools"`
	LeftOut   []string  `json:"left_out,omitempty"`  // items that clients would refuse the whole list for, and why; at most ten
	Isolation string    `json:"isolation,omitempty"` // of a local server: how it is confined, or what it asks for while it does not run
	Why       string    `json:"why,omitempty"`
	Since     time.Time `json:"since,omitzero"`
	NextTry   time.Time `json:"next_try,omitzero"`
	Review    string    `json:"review,omitempty"` // what waits for a person
	Do        string    `json:"do,omitempty"`
}

func (r Report) String() string {
	return asText(r)
}
