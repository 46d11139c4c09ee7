package upstream

import (
	"regexp"
	"strings"
	"sync"
)

// denials are what programs print when the system denies them a file, or does not have it: the names of the errors, and their texts in the C
// library, Go, Python, Java, Rust and .NET.
var denials = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`(?i)\b(EACCES|EPERM|ENOENT|EROFS|EAFNOSUPPORT|permission ?denied|PermissionError|AccessDenied|` +
		`access (is )?denied|operation not permitted|no such file or directory|FileNotFound|NoSuchFile|(cannot|could not) find (module|file|path|the file|the path)|` +
		`Cannot find (module|package)|does not exist|read-only file system|address family not supported)`)
})

// denied says, of a confined server that was denied a file with its last words, that its confinement may be why; "" for any other. What it
// is denied is not repeated: its words stand beside this, and a server must not have a person mount what it names.
func denied(conn Conn, words string) string {
	origin := originOf(conn)
	if origin.Confinement == "" || !denials().MatchString(words) {
		return ""
	}
	place, _, _ := strings.Cut(origin.Confinement, " ")
	place = map[string]string{"docker": "container", "sandbox": "sandbox"}[place]
	text := "It runs in a " + place + ", which may be why: that shows it none of your files but what isolation.mounts and isolation.working_dir name. " +
		"If it is to see the file, add its path there"
	if origin.Lack != "" {
		text += ". Of what its entry names, " + origin.Lack
	}
	return text
}
