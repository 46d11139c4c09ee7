package transport

import (
	"errors"
	"fmt"
	"strconv"

	"golang.org/x/sys/unix"
)

// enter gives the directory that the server's supervisor is started in. One that was checked is opened without following a link,
// and entered by its descriptor: nobody can put another one in its place meanwhile.
func enter(spec *StdioSpec) (dir string, leave func(), err error) {
	if spec.RealDir == "" {
		return spec.Dir, func() {}, nil
	}
	how := unix.OpenHow{Flags: unix.O_PATH | unix.O_DIRECTORY | unix.O_CLOEXEC, Resolve: unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_NO_MAGICLINKS}
	fd, err := unix.Openat2(unix.AT_FDCWD, spec.RealDir, &how)
	switch {
	case errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.EPERM): // Linux before 5.6, or a filter that does not know it
		dir, err := enterChecked(spec)
		return dir, func() {}, err
	case err != nil:
		return "", nil, fmt.Errorf("the working directory %q changed after it was checked: %w", spec.Dir, err)
	}
	return "/proc/self/fd/" + strconv.Itoa(fd), func() { unix.Close(fd) }, nil
}
