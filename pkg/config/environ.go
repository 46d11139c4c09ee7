package config

import (
	"runtime"
	"slices"
	"strings"
)

// What a child gets of our environment. Agents hand us their keys; a server sees
// only these and what its entry names. Proxies are read in both spellings, and
// curl reads http_proxy in lower case alone.
var (
	inherited = []string{
		"PATH", "HOME", "LANG", "TMPDIR", "USER", "SHELL", "TERM", "TZ",
		"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy",
		"SSL_CERT_FILE", "NODE_EXTRA_CA_CERTS",
	}
	// Without SystemRoot and its kin, Windows programs do not find their libraries.
	inheritedWindows = []string{
		"SystemRoot", "SystemDrive", "windir", "ComSpec", "PATHEXT", "USERPROFILE", "HOMEDRIVE", "HOMEPATH",
		"APPDATA", "LOCALAPPDATA", "ProgramData", "ALLUSERSPROFILE", "PUBLIC",
		"ProgramFiles", "ProgramFiles(x86)", "ProgramW6432",
		"CommonProgramFiles", "CommonProgramFiles(x86)", "CommonProgramW6432",
		"TEMP", "TMP", "USERNAME", "USERDOMAIN", "COMPUTERNAME", "OS",
		"NUMBER_OF_PROCESSORS", "PROCESSOR_ARCHITECTURE", "PROCESSOR_IDENTIFIER",
	}
)

// ChildEnv is the environment of a child: the allow-list out of environ, whose
// strings have the form NAME=value, and then the entry's variables, which win.
func ChildEnv(l Launch, environ []string) []string {
	return childEnv(l, environ, runtime.GOOS == "windows")
}

func childEnv(l Launch, environ []string, windows bool) []string {
	same := func(a, b string) bool { return a == b || windows && strings.EqualFold(a, b) }
	var env []string
	for _, pair := range environ {
		name, _, ok := strings.Cut(pair, "=")
		if !ok || name == "" || !inherits(name, windows, same) {
			continue
		}
		if slices.ContainsFunc(l.Env, func(v Var) bool { return same(v.Name, name) }) ||
			slices.ContainsFunc(l.Unset, func(n string) bool { return same(n, name) }) {
			continue
		}
		env = append(env, pair)
	}
	for _, v := range l.Env {
		env = append(env, v.Name+"="+v.Value)
	}
	return env
}

func inherits(name string, windows bool, same func(a, b string) bool) bool {
	is := func(allowed string) bool { return same(allowed, name) }
	return strings.HasPrefix(name, "LC_") || slices.ContainsFunc(inherited, is) ||
		windows && slices.ContainsFunc(inheritedWindows, is)
}
