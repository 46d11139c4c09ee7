package launch

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

const separators = `/\:`

// program finds path as it is or with one of the extensions in PATHEXT, as cmd.exe does: npx is npx.cmd.
func program(path string, env []string) (string, error) {
	extensions := Getenv(env, "PATHEXT")
	if extensions == "" {
		extensions = ".COM;.EXE;.BAT;.CMD"
	}
	candidates := []string{}
	if filepath.Ext(path) != "" {
		candidates = append(candidates, path)
	}
	for _, ext := range strings.Split(extensions, ";") {
		if ext != "" {
			candidates = append(candidates, path+strings.ToLower(ext))
		}
	}
	for _, file := range candidates {
		if info, err := os.Stat(file); err == nil && info.IsDir() {
			return "", syscall.EISDIR
		} else if err == nil {
			return file, nil
		}
	}
	return "", fs.ErrNotExist
}

// plantable leaves it to the access lists.
func plantable(string) bool { return false }

// LookupEnv gives a variable of an environment: the last one of its name, which is compared without case.
func LookupEnv(env []string, key string) (value string, found bool) {
	for _, kv := range env {
		if name, v, ok := strings.Cut(kv, "="); ok && strings.EqualFold(name, key) {
			value, found = v, true
		}
	}
	return value, found
}

// executable leaves it to the names, as Windows does.
func executable(string, fs.FileInfo) bool { return false }

func replaceable(string) bool { return true }

// changed is not told here.
func changed(fs.FileInfo) int64 { return 0 }
