package launch

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
)

// Lookup is a program that is looked for. There is no other look-up: what checks, describes or starts a server asks it.
type Lookup struct {
	Command string
	Env     []string // the program's own, whose PATH counts, not ours
	Dir     string   // working directory; a relative Command with a separator counts from here. "": ours
	Closed  Closed   // elements of PATH there are skipped
}

// Find gives the path of the program, and checks its directory. Errors say in plain words why it can't be run; they wrap
// fs.ErrNotExist, fs.ErrPermission, a syscall.Errno or ErrOpenToAll.
func (l Lookup) Find() (string, error) {
	if l.Command == "" {
		return "", fmt.Errorf(`no command is given; set "command": %w`, fs.ErrNotExist)
	}
	for _, kv := range l.Env {
		if strings.ContainsRune(kv, 0) {
			name, _, _ := strings.Cut(kv, "=")
			return "", fmt.Errorf(`the value of %q in "env" contains a NUL character: %w`, name, syscall.EINVAL)
		}
	}
	if l.Dir != "" {
		if err := checkDir(l.Dir); err != nil {
			return "", err
		}
	}
	if !strings.ContainsAny(l.Command, separators) {
		return l.search()
	}
	path := l.Command
	if !filepath.IsAbs(path) {
		path = filepath.Join(l.Dir, path)
	}
	path, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	found, err := program(path, l.Env)
	if err != nil {
		return "", CannotRun(path, err)
	}
	return found, nil
}

// Getenv is the value that LookupEnv gives, "" for none.
func Getenv(env []string, key string) string {
	value, _ := LookupEnv(env, key)
	return value
}

// ErrOpenToAll is wrapped for a program that others could have written.
var ErrOpenToAll = errors.New("not safe to run")

// NotFoundError is about a command that is in no directory of the server's PATH.
type NotFoundError struct{ Command, Path string }

func (e *NotFoundError) Error() string {
	return fmt.Sprintf(`the command %q was not found in the server's PATH (%s); install it, or give its full path in "command": %v`, e.Command, e.Path, fs.ErrNotExist)
}

// Unwrap makes it an fs.ErrNotExist.
func (e *NotFoundError) Unwrap() error { return fs.ErrNotExist }

func (l Lookup) search() (string, error) {
	path := Getenv(l.Env, "PATH")
	var why error = fs.ErrNotExist
	skipped := ""
	for _, dir := range filepath.SplitList(path) {
		if !filepath.IsAbs(dir) || plantable(dir) {
			continue // "." in PATH runs whatever a workspace contains, the other what anybody has put there
		}
		file := filepath.Join(dir, l.Command)
		found, err := program(file, l.Env)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if l.Closed.Root(dir) != "" {
			if skipped == "" {
				skipped = dir
			}
			continue
		}
		if err == nil {
			return found, nil
		}
		if errors.Is(err, fs.ErrPermission) || errors.Is(err, ErrOpenToAll) || errors.Is(err, config.ErrNotRegular) {
			why = CannotRun(file, err)
		}
	}
	if !errors.Is(why, fs.ErrNotExist) {
		return "", why
	}
	if skipped != "" {
		return "", fmt.Errorf(`the command %q is in %s only, which is skipped because it is in the workspace; install it elsewhere, or give its path in "command" and approve it for this workspace: %w`,
			l.Command, skipped, fs.ErrNotExist)
	}
	return "", &NotFoundError{l.Command, path}
}

func checkDir(dir string) error {
	switch info, err := os.Stat(dir); {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf(`the working directory %s does not exist; create it, or change "working_dir": %w`, dir, fs.ErrNotExist)
	case err != nil:
		return fmt.Errorf("the working directory %s cannot be used: %w", dir, Cause(err))
	case !info.IsDir():
		return fmt.Errorf(`the working directory %s is no directory; change "working_dir": %w`, dir, syscall.ENOTDIR)
	}
	return nil
}

// CannotRun says why a program that was named cannot be run, and what to do.
func CannotRun(path string, err error) error {
	err = Cause(err)
	switch {
	case errors.Is(err, syscall.EISDIR):
		return fmt.Errorf(`%s is a directory; name the program in it in "command": %w`, path, err)
	case errors.Is(err, config.ErrNotRegular):
		return fmt.Errorf(`%s is a named pipe, a socket or a device; name a program in "command": %w`, path, err)
	case errors.Is(err, ErrOpenToAll):
		return fmt.Errorf(`%s can be replaced by every user of this machine; take that away (chmod o-w) after a look at it: %w`, path, err)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf(`%s is not executable; allow it (chmod +x), or put its interpreter in "command" and the file in "args": %w`, path, err)
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf(`%s does not exist; install it, or correct "command": %w`, path, err)
	}
	return fmt.Errorf("%s cannot be run: %w", path, err)
}

// Cause takes the path off, which the message has already.
func Cause(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}
