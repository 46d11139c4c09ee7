package sandbox

import (
	"encoding/json"
	"fmt"
	"math"
	"os"
	"runtime"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// hookArg is the first argument that makes this program confine itself and execute another one.
const hookArg = "__mcpproxy-sandbox"

// probeArg in place of an order makes a confined process check that it is confined.
const probeArg = "probe"

// exitRefused is the exit status of a process that did not get as far as the program (as that of env(1)).
const exitRefused = 126

// The hook is in place without being called: a program (or a test) that forgot to call it would run itself again and again. It
// also comes before all that main does.
func init() { runHook() }

// runHook does not return if this process was started as the hook; else it does nothing.
// Arguments: hookArg, the order, "--", the path of the program, its arguments. The environment has the program's variables under names
// that mean nothing to anybody (see carry).
func runHook() {
	if len(os.Args) < 3 || os.Args[1] != hookArg {
		return
	}
	if os.Args[2] == probeArg { // it starts nothing, and where it is confined it could not tell who started it
		os.Exit(probed())
	}
	if err := Ours(); err != nil {
		fmt.Fprintln(os.Stderr, "mcpproxy-stdio:", err)
		os.Exit(exitRefused)
	}
	runtime.LockOSThread() // limits of files are the thread's until it executes another program
	stage, args := "", os.Args[2:]
	if args[0] == builderArg || args[0] == lastArg {
		stage, args = args[0], args[1:]
	}
	fmt.Fprintln(os.Stderr, "mcpproxy-stdio: the program was not run:", follow(stage, args))
	os.Exit(exitRefused)
}

// follow does what it is ordered to, and returns only if that failed. With namespaces there are several stages.
func follow(stage string, args []string) error {
	var o order
	if len(args) == 0 {
		return fmt.Errorf("there is no order for its sandbox")
	}
	if err := json.Unmarshal([]byte(args[0]), &o); err != nil {
		return fmt.Errorf("the order for its sandbox cannot be read: %w", err)
	}
	if len(args) < 3 || args[1] != "--" {
		return fmt.Errorf("the order for its sandbox names no program")
	}
	if err := inheritOnly012(); err != nil {
		return fmt.Errorf("its sandbox cannot close inherited files: %w", err)
	}
	switch {
	case o.Method == Namespaces && stage == "":
		return o.inNamespaces(args)
	case o.Method == Namespaces && stage == builderArg:
		return o.build(args)
	}
	if err := unix.Chdir(o.Dir); err != nil {
		return fmt.Errorf("its working directory %s cannot be entered: %w", o.Dir, err)
	}
	path, argv, env, err := args[2], args[2:], uncarry(os.Environ()), error(nil)
	switch o.Method {
	case Bubblewrap:
		if err := o.unmoved(); err != nil {
			return err
		}
		path = o.Bwrap.Path
		argv, err = o.bwrapArgs(argv, env)
		env = []string{}
	case Namespaces:
		err = o.last()
	case Landlock:
		err = o.restrict()
	default:
		err = fmt.Errorf("there is no sandbox %q", o.Method)
	}
	if err != nil {
		return err
	}
	if err := limit(o.Memory); err != nil { // last: it holds for us too
		return err
	}
	return fmt.Errorf("%s cannot be executed: %w", path, syscall.Exec(path, argv, env))
}

// inheritOnly012 keeps whatever else this process has got from reaching the program.
func inheritOnly012() error {
	err := unix.CloseRange(3, math.MaxUint32, unix.CLOSE_RANGE_CLOEXEC)
	if err == nil {
		return nil
	}
	entries, err := os.ReadDir("/proc/self/fd") // Linux before 5.11
	for _, e := range entries {
		if fd, convErr := strconv.Atoi(e.Name()); convErr == nil && fd > 2 {
			unix.CloseOnExec(fd)
		}
	}
	return err
}

const (
	softFiles = 4096  // more than the usual 1024: servers watch files
	hardFiles = 65536 // what a program may raise it to; some close all possible files before they start another program
)

func limit(memory int64) error {
	var files syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files); err != nil {
		return fmt.Errorf("its limits cannot be read: %w", err)
	}
	files.Max = min(files.Max, hardFiles)
	files.Cur = min(files.Max, softFiles)
	limits := []struct {
		resource int
		value    syscall.Rlimit
	}{
		{syscall.RLIMIT_CORE, syscall.Rlimit{}},
		{syscall.RLIMIT_NOFILE, files},
	}
	if memory > 0 {
		limits = append(limits, struct {
			resource int
			value    syscall.Rlimit
		}{syscall.RLIMIT_DATA, syscall.Rlimit{Cur: uint64(memory), Max: uint64(memory)}})
	}
	for _, l := range limits {
		if err := syscall.Setrlimit(l.resource, &l.value); err != nil {
			return fmt.Errorf("its limits cannot be set: %w", err)
		}
	}
	return nil
}
