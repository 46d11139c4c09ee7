package builtin

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/admin"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/confusables"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/hub"
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/upstream"
)

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

// list says how all servers stand.
func (o *own) list() (string, error) {
	all, v, err := o.admin.Servers(o.by)
	if err != nil {
		return "", err
	}
	r := Report{Config: v.Config.Path, Servers: []ServerStatus{}}
	if v.Broken != nil {
		r.Problems = append(r.Problems, "the config file can't be read; "+hub.InForce(v.Config)+": "+v.Broken.Error())
	}
	switch policy := v.Policy(); {
	case policy != v.Config.Approval:
		r.Problems = append(r.Problems, fmt.Sprintf("the config file sets approval to %s, which the user has to confirm: mcpproxy-stdio approve --policy; until then %s is in force", v.Config.Approval, policy))
	case policy == config.ApprovalHost || policy == config.ApprovalOff:
		r.Problems = append(r.Problems, fmt.Sprintf("approval is %s: servers are approved without asking the user", policy))
	}
	for _, p := range v.Config.Problems {
		r.Problems = append(r.Problems, p.String())
	}
	for _, st := range all {
		r.Servers = append(r.Servers, describe(st))
	}
	return asText(r), nil
}

// mostLeftOut is how many items are named that clients are not shown.
const mostLeftOut = 10

// describe words how a server stands.
func describe(st admin.Status) ServerStatus {
	server := st.Effective
	s := ServerStatus{Name: server.Name, Protocol: server.Protocol, State: string(st.State), Isolation: isolation(server)}
	if st.Reason == admin.Blocked {
		s.Why = st.Err.Error()
		return s
	}
	s.Tools = st.Tools + st.Hidden
	for _, left := range st.LeftOut {
		if left.Tool && left.Hidden {
			s.Tools--
		}
		if len(s.LeftOut) < mostLeftOut {
			s.LeftOut = append(s.LeftOut, strconv.QuoteToASCII(left.ID)+": "+confusables.Plain(left.Why))
		}
	}
	if st.Review > 0 {
		s.Review = fmt.Sprintf("%d to review: quarantine_review", st.Review)
	}
	switch {
	case st.Confinement != "":
		s.Isolation = st.Confinement
	case st.Up && strings.HasPrefix(s.Isolation, "asks"):
		s.Isolation = "none, although it asks for isolation: allow_none permits it"
	}
	s.Since, s.NextTry, s.Why, s.Do = st.Since, st.NextTry, st.Text, todo(st)
	switch st.Reason {
	case admin.Unlisted:
		s.Why = st.Err.Error()
	case admin.WantedLogin:
		s.Why = "it needed a login when it last ran" // which it may have by now
	case admin.OffersNothing:
		s.Why = hub.ErrOffersNothing.Error()
	}
	return s
}

// todo says what is to be done about a server that may run, "" for nothing.
func todo(st admin.Status) string {
	switch st.State {
	case admin.Running:
		return ""
	case admin.NeedsLogin:
		return "log in: oauth_login"
	case admin.Starting:
		if st.Stage != "" {
			return "wait: " + st.Stage
		}
		return "wait, or read its logs"
	case admin.Failed:
		switch st.Reason {
		case admin.Unlisted:
			return `read its logs (operation "logs"), fix what they report, and restart it (operation "restart"); it is asked again automatically, less and less often`
		case admin.LastRun:
			return "read its logs (operation \"logs\") and check its entry; it is tried again at the next call, or with operation \"restart\""
		}
		return upstream.ToCheck(st.Effective.Protocol != config.ProtocolStdio, st.Err) + "; read its logs (operation \"logs\"); it is tried again at the next call, or with operation \"restart\""
	}
	if st.Reason == admin.OffersNothing {
		return hub.RemedyNothing
	}
	return "starts when one of its tools is called"
}

// isolation is what a server that does not run asks for, "" for one that runs elsewhere or cannot.
func isolation(server *config.Server) string {
	switch iso := server.Isolation; {
	case server.Protocol != config.ProtocolStdio || server.Refused != "":
		return ""
	case server.OwnContainer():
		return "its command starts a container itself"
	case !iso.Confined():
		return "none"
	case iso.Type == config.IsolationSandbox:
		return "asks for a sandbox"
	case iso.Type == config.IsolationAuto:
		return "asks for a container of " + iso.ImageFor(server.Command) + ", or a sandbox"
	default:
		return "asks for a container of " + iso.ImageFor(server.Command)
	}
}
