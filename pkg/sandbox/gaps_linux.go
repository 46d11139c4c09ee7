package sandbox

// gap is something that a program can do in spite of a sandbox that Landlock makes. What is in no gap is closed; the tests try both.
type gap struct {
	name  string // of the attack that shows it
	what  string // for people; the subject is the server
	until int    // the ABI of Landlock that closes it; 0: none does
}

// landlockGaps are what is left with Landlock alone: it knows the opening, making, removing and renaming of files, and not what
// is done to them by name otherwise.
var landlockGaps = []gap{
	{name: "chmod", what: "change the mode of your files, even of those it can't read"},
	{name: "utimes", what: "change the times of your files"},
	{name: "stat", what: "see whether a file exists, its size, owner and times, and where a link leads"},
	{name: "inotify", what: "watch when a file or directory is opened or changed"},
	{name: "cmdline", what: "read the command lines of your other processes, and whatever else /proc shows every user"},
	{name: "orders", what: "change files that other programs obey (.git, .npmrc, .vscode and more) where it may write"},
	{name: "kill", what: "end your other processes (from Linux 6.12 on it cannot)", until: abiScope},
}

// gapsOf words what is left with an ABI of Landlock.
func gapsOf(abi int) (gaps []string) {
	for _, g := range landlockGaps {
		if g.until == 0 || abi < g.until {
			gaps = append(gaps, g.what)
		}
	}
	return gaps
}
