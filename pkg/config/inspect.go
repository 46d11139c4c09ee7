package config

import (
	"slices"
	"strings"
)

// Placeholder stands for a secret where a server is only looked at.
const Placeholder = "inspection"

// deciding are variables without which another program would be looked at: they decide what a command runs. They are in
// capitals: npm reads its own in any case, and on Windows all names are so.
var deciding = []string{"BASH_ENV", "BUN_OPTIONS", "CLASSPATH", "COMSPEC", "DENO_OPTIONS", "DOTNET_STARTUP_HOOKS",
	"DYLD_FRAMEWORK_PATH", "DYLD_INSERT_LIBRARIES", "DYLD_LIBRARY_PATH", "ENV", "GIT_CONFIG_GLOBAL", "GIT_EXEC_PATH",
	"GIT_SSH", "GIT_SSH_COMMAND", "HOME", "JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "LD_AUDIT", "LD_LIBRARY_PATH",
	"LD_PRELOAD", "NODE_OPTIONS", "NODE_PATH", "NPM_CONFIG_GLOBALCONFIG", "NPM_CONFIG_REGISTRY", "NPM_CONFIG_USERCONFIG",
	"PATH", "PATHEXT", "PERL5LIB", "PERL5OPT", "PIP_CONFIG_FILE", "PIP_EXTRA_INDEX_URL", "PIP_INDEX_URL", "PYTHONHOME",
	"PYTHONPATH", "PYTHONSTARTUP", "PYTHONUSERBASE", "RUBYLIB", "RUBYOPT", "UV_CONFIG_FILE", "UV_DEFAULT_INDEX",
	"UV_EXTRA_INDEX_URL", "UV_INDEX", "UV_INDEX_URL", "UV_PYTHON", "_JAVA_OPTIONS"}

// proxies are variables without which nothing may be fetched.
var proxies = []string{"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"}

// ResolveForInspection resolves the launch for looking at a confined server that nobody has approved yet: it sees no files, keeps
// nothing, reaches no network unless its package has to be fetched, and gets no secrets. They are not even read: what refers to a
// variable or to the keyring, and each variable that does not decide what is run, is [Placeholder]. The launch of a server that is not
// confined is the one of [Server.Resolve]. fetches tells whether the package has to be fetched: package launch knows.
func (s *Server) ResolveForInspection(r Resolver, fetches bool) (Launch, error) {
	if !s.Isolation.Confined() {
		return s.Resolve(r)
	}
	blind := Resolver{
		Env:       func(string) (string, bool) { return Placeholder, true },
		Keyring:   func(string) (string, error) { return Placeholder, nil },
		Workspace: r.Workspace,
	}
	outside := blind
	outside.Env = r.Env
	shown := *s
	shown.Dir = ""
	shown.Isolation = s.Isolation.forInspection(fetches)
	shown.Env, shown.EnvFile = nil, ""
	for _, v := range s.Env {
		if value, ok := s.inspected(v); ok {
			shown.Env = append(shown.Env, Var{v.Name, value})
		}
	}
	l, err := shown.resolve(r.Workspace, func(option string) Resolver {
		// Which program runs and where is decided outside; a workspace's file has no variables in the latter.
		if option == "command" && !s.Workspace || strings.HasPrefix(option, "isolation.") {
			return outside
		}
		return blind
	})
	l.Dir = ""
	return l, err
}

// inspected is the value of a variable for a server that is only looked at; false: it does without.
func (s *Server) inspected(v Var) (string, bool) {
	name := strings.ToUpper(v.Name)
	decides := slices.Contains(deciding, name)
	switch refers := len(s.refs("env."+v.Name, v.Value)) > 0; {
	case v.Value == "":
		return "", true
	case !decides && !slices.Contains(proxies, name):
		return Placeholder, true
	case refers && !strings.Contains(name, "INDEX") && !strings.Contains(name, "REGISTRY"):
		return "", false // a path or an option made of placeholders would only break the start
	}
	// Where packages come from counts even if the way there is barred: another place has another package of that name.
	return withoutUser(v.Value), true
}

// withoutUser takes user names and passwords out of the URLs in a text.
func withoutUser(text string) string {
	before, rest, found := strings.Cut(text, "://")
	if !found {
		return text
	}
	end := strings.IndexAny(rest, "/ ,;?#")
	if end < 0 {
		end = len(rest)
	}
	host := rest[:end]
	if at := strings.LastIndexByte(host, '@'); at >= 0 {
		host = Placeholder + host[at:]
	}
	return before + "://" + host + withoutUser(rest[end:])
}

func (i *Isolation) forInspection(fetches bool) *Isolation {
	c := *i
	c.Mounts, c.Dir, c.Cache, c.Fresh, c.AllowNone = nil, "", false, true, false
	c.Inspected = true
	if fetches && i.Network != NetworkNone {
		c.Network = NetworkBridge // not the engine's machine, nor a network with neighbours
	} else {
		c.Network = NetworkNone
	}
	return &c
}
