package transport

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// lookup finds the program in the server's own PATH, not in ours, and checks its directory.
func lookup(spec *StdioSpec) (string, error) {
	if spec.Command == "" {
		return "", fmt.Errorf(`no command is given; set "command": %w`, fs.ErrNotExist)
	}
	for _, kv := range spec.Env {
		if strings.ContainsRune(kv, 0) {
			name, _, _ := strings.Cut(kv, "=")
			return "", fmt.Errorf(`the value of %q in "env" contains a NUL character: %w`, name, syscall.EINVAL)
		}
	}
	if spec.Dir != "" {
		if err := checkDir(spec.Dir); err != nil {
			return "", err
		}
	}
	if strings.ContainsAny(spec.Command, separators) {
		path := spec.Command
		if !filepath.IsAbs(path) {
			path = filepath.Join(spec.Dir, path)
		}
		if path, err := filepath.Abs(path); err != nil {
			return "", err
		} else if found, err := program(path, spec.Env); err == nil {
			return found, nil
		} else {
			return "", cannotRun(path, err)
		}
	}
	return search(spec.Command, spec.Env)
}

// errOpenToAll is wrapped for a program that others could have written.
var errOpenToAll = errors.New("not safe to run")

func search(command string, env []string) (string, error) {
	path := getenv(env, "PATH")
	var why error = fs.ErrNotExist
	for _, dir := range filepath.SplitList(path) {
		if !filepath.IsAbs(dir) || plantable(dir) {
			continue // "." in PATH runs whatever a workspace contains, the other what anybody has put there
		}
		file := filepath.Join(dir, command)
		found, err := program(file, env)
		if err == nil {
			return found, nil
		}
		if errors.Is(err, fs.ErrPermission) || errors.Is(err, errOpenToAll) {
			why = cannotRun(file, err)
		}
	}
	if !errors.Is(why, fs.ErrNotExist) {
		return "", why
	}
	return "", fmt.Errorf(`the command %q was not found in the server's PATH (%s); install it, or give its full path in "command": %w`, command, path, why)
}

func checkDir(dir string) error {
	switch info, err := os.Stat(dir); {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf(`the working directory %s does not exist; create it, or change "working_dir": %w`, dir, fs.ErrNotExist)
	case err != nil:
		return fmt.Errorf("the working directory %s cannot be used: %w", dir, cause(err))
	case !info.IsDir():
		return fmt.Errorf(`the working directory %s is no directory; change "working_dir": %w`, dir, syscall.ENOTDIR)
	}
	return nil
}

// cannotRun says why a program that was named cannot be run, and what to do.
func cannotRun(path string, err error) error {
	err = cause(err)
	switch {
	case errors.Is(err, syscall.EISDIR):
		return fmt.Errorf(`%s is a directory; name the program in it in "command": %w`, path, err)
	case errors.Is(err, errOpenToAll):
		return fmt.Errorf(`%s can be replaced by every user of this machine; take that away (chmod o-w) after a look at it: %w`, path, err)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf(`%s is not executable; allow it (chmod +x), or put its interpreter in "command" and the file in "args": %w`, path, err)
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf(`%s does not exist; install it, or correct "command": %w`, path, err)
	}
	return fmt.Errorf("%s cannot be run: %w", path, err)
}

// cause takes the path off, which the message has already.
func cause(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}
