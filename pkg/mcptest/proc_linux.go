package mcptest

import (
	"bytes"
	"os"
	"slices"
	"strconv"
	"strings"
)

const listsProcesses = true

// Alive tells whether a process exists and is more than a zombie.
func Alive(pid int) bool {
	_, state, ok := procStat(pid)
	return ok && state != 'Z' && state != 'X'
}

// Descendants gives the children of a process, their children and so on, zombies
// left out. What has lost its parent on the way does not count any more: see
// [ProcessesWithEnv].
func Descendants(pid int) []int {
	children := map[int][]int{}
	for _, p := range processes() {
		if parent, state, ok := procStat(p); ok && state != 'Z' {
			children[parent] = append(children[parent], p)
		}
	}
	var found []int
	for todo := []int{pid}; len(todo) > 0; todo = todo[1:] {
		found = append(found, children[todo[0]]...)
		todo = append(todo, children[todo[0]]...)
	}
	slices.Sort(found)
	return found
}

// ProcessesWithEnv gives the processes other than this one that have a fragment
// of text in the environment they were started with.
func ProcessesWithEnv(fragment string) []int {
	var found []int
	for _, p := range processes() {
		env, err := os.ReadFile("/proc/" + strconv.Itoa(p) + "/environ")
		if err == nil && p != os.Getpid() && (bytes.Contains(env, []byte(fragment)) || bytes.Contains(env, []byte(escaped([]byte(fragment))))) && Alive(p) {
			found = append(found, p)
		}
	}
	return found
}

// CommandLine gives the command line of a process, "" if there is none.
func CommandLine(pid int) string {
	b, _ := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/cmdline")
	return strings.TrimSpace(strings.ReplaceAll(string(b), "\x00", " "))
}

func processes() []int {
	entries, _ := os.ReadDir("/proc")
	var pids []int
	for _, e := range entries {
		if pid, err := strconv.Atoi(e.Name()); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids
}

func procStat(pid int) (parent int, state byte, ok bool) {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return 0, 0, false
	}
	// The name stands in parentheses and may have any characters in it.
	fields := bytes.Fields(b[bytes.LastIndexByte(b, ')')+1:])
	if len(fields) < 2 {
		return 0, 0, false
	}
	parent, err = strconv.Atoi(string(fields[1]))
	return parent, fields[0][0], err == nil
}
