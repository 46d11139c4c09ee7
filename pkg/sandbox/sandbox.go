package sandbox

import "context"

// Method is how a sandbox is made.
type Method string

// The methods, the better one first.
const (
	Bubblewrap Method = "bubblewrap"
	Namespaces Method = "namespaces" // as bubblewrap makes them, made by this program
	Landlock   Method = "landlock"
)

// Abilities tells what the sandbox of this machine can do.
type Abilities struct {
	Method  Method   // "": none can be made here, see Why
	Version string   // "0.8.0" of bubblewrap, "ABI 7" of Landlock
	Why     string   // why there is no sandbox, or why bubblewrap does not make it, each with the remedy; else ""
	Gaps    []string // what a program can do in spite of this method, in words for people
}

// Find tells what the sandbox of this machine can do. It is found out once a process, by running one; that takes some
// 10 ms and at most 4 s. When ctx ends before, there is no method and Why says so.
func Find(ctx context.Context) Abilities { return find(ctx) }

// Spec is a program to confine. All paths are absolute and exist.
type Spec struct {
	Path      string   // the program, as it was found; may be a symbolic link
	Args      []string // its arguments, without the program itself; it sees Path as its name
	Env       []string // its complete environment, KEY=VALUE
	Dir       string   // its working directory; "" is the same as DirAccess == ""
	DirReal   string   // where Dir has to lead, once all links are followed; "": wherever it does
	DirAccess string   // "": Dir is not visible and the program starts in its private home; "ro", "rw"
	Paths     []Path   // what else it may use
	Network   bool     // the machine's network; false: none at all
	Sockets   bool     // Unix sockets, in its own directories
	Memory    int64    // bytes of data each of its processes may have (RLIMIT_DATA); 0: no limit
	Workspace string   // whose links and scripts do not decide that more than a program's file or a known runtime is visible; may be ""
	Home      string   // the person's home directory, of which nothing is visible but what is listed
	Private   string   // directory that keeps the program's private home from run to run; "": an empty home for each run
}

// Path is a file or directory that a confined program may use, under the path it has outside.
type Path struct {
	Path  string
	Real  string // where Path has to lead, once all links are followed; "": wherever it does
	Write bool
}

// Confined is what is started in place of a program.
type Confined struct {
	Path    string   // this binary, in a form that holds after an update of its file; only for children of this process
	Args    []string // without the program itself; they hold paths and numbers and the program's own arguments
	Env     []string // the program's, with the private home and temporary directory
	Dir     string   // the working directory inside, which exists outside too
	Release func()   // removes what the run has on disk; to be called once nothing of it runs any more, may be called twice
}

// Confine prepares the run of a program in a sandbox; nothing is started. It fails, with the reason and a remedy, if something
// asked for cannot be given. When the sandbox itself cannot be made, the started process says so in one line on stderr
// and exits with status 126 (bubblewrap: 1) without having run the program.
func Confine(spec Spec) (Confined, error) { return confine(spec) }
