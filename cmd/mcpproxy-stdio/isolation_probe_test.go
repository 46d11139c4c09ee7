package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// The probe is a server that tells what it can reach, and does what it is told. It is this file alone: for images it is built without
// the rest of the program.

// envProbe makes a program with this file be the probe. Its value is a file to which each start is written; "-" is none.
const envProbe = "MCPPROXY_TEST_PROBE"

func init() {
	if trace := os.Getenv(envProbe); trace != "" {
		probe(trace)
	}
}

// sight is what the probe sees.
type sight struct {
	Env        []string
	Interfaces []string
	Mounts     []string // but those of the system
	Dir        string
}

func probe(trace string) {
	if f, err := os.OpenFile(trace, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600); err == nil && trace != "-" {
		fmt.Fprintln(f, "started")
		f.Close()
	}
	seen := look()
	in := bufio.NewReader(os.Stdin)
	for {
		line, err := in.ReadBytes('\n')
		if err != nil {
			os.Exit(0)
		}
		var m struct {
			ID     json.RawMessage `json:"id"`
			Method string          `json:"method"`
			Params struct {
				Arguments struct{ Do, Path string } `json:"arguments"`
			} `json:"params"`
		}
		if json.Unmarshal(line, &m) != nil || m.ID == nil {
			continue
		}
		switch m.Method {
		case "initialize":
			answer(m.ID, `{"protocolVersion":"2025-11-25","capabilities":{"tools":{}},"serverInfo":{"name":"probe","version":"1"}}`)
		case "tools/list":
			if slices.ContainsFunc(seen.Env, func(kv string) bool { return strings.HasSuffix(kv, "=inspection") }) {
				time.Sleep(time.Second) // to be looked at
			}
			description, _ := json.Marshal("Saw " + seen.String())
			answer(m.ID, `{"tools":[{"name":"try","description":`+string(description)+`,"inputSchema":{"type":"object"}}]}`)
		case "tools/call":
			text, err := try(seen, m.Params.Arguments.Do, m.Params.Arguments.Path)
			if err != nil {
				text = "failed: " + err.Error()
			}
			quoted, _ := json.Marshal(text)
			answer(m.ID, `{"content":[{"type":"text","text":`+string(quoted)+`}]}`)
		default:
			answer(m.ID, `{}`)
		}
	}
}

func answer(id json.RawMessage, result string) {
	fmt.Printf(`{"jsonrpc":"2.0","id":%s,"result":%s}`+"\n", id, result)
}

// look looks around.
func look() (s sight) {
	s.Env = slices.DeleteFunc(os.Environ(), func(kv string) bool { return strings.HasPrefix(kv, "HOSTNAME=") }) // each container's own
	slices.Sort(s.Env)
	interfaces, _ := net.Interfaces()
	for _, i := range interfaces {
		s.Interfaces = append(s.Interfaces, i.Name)
	}
	mounts, _ := os.ReadFile("/proc/self/mounts")
	for line := range strings.Lines(string(mounts)) {
		at := strings.Fields(line)[1]
		if top := strings.Split(at+"//", "/")[1]; !slices.Contains([]string{"proc", "sys", "dev", ""}, top) {
			s.Mounts = append(s.Mounts, at)
		}
	}
	s.Dir, _ = os.Getwd()
	return s
}

func (s sight) String() string {
	return fmt.Sprintf("variables [%s], interfaces %v, mounts %v, directory %s", strings.Join(s.Env, " "), s.Interfaces, s.Mounts, s.Dir)
}

// try does one thing, and tells how it went.
func try(seen sight, do, path string) (string, error) {
	switch do {
	case "look":
		text, err := json.Marshal(seen)
		return string(text), err
	case "read":
		text, err := os.ReadFile(path)
		return string(text), err
	case "write":
		return "written", os.WriteFile(path, []byte("written by the probe\n"), 0o600)
	case "walk": // every file below that can be read
		var found []string
		err := filepath.WalkDir(path, func(name string, d fs.DirEntry, err error) error {
			if err == nil && d.Type().IsRegular() {
				found = append(found, name)
			}
			return nil
		})
		return strings.Join(found, " "), err
	case "dial":
		network, address, _ := strings.Cut(path, ":")
		conn, err := net.DialTimeout(network, address, 3*time.Second)
		if err == nil {
			conn.Close()
		}
		return "connected", err
	case "fork": // a process that holds on to nothing
		cmd := exec.Command("/bin/sleep", path)
		if err := cmd.Start(); err != nil {
			return "", err
		}
		return "forked", nil
	}
	return "", errors.New("it can look, read, write, walk, dial and fork")
}
