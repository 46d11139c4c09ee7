// Probe is a server in a container that tells what it sees and does what it is told: a line on stdin is an order, "what argument", and
// has a line on stdout as its answer.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

func main() {
	for _, arg := range os.Args[1:] {
		switch arg {
		case "-ignore-term":
			signal.Ignore(syscall.SIGTERM)
		case "-ignore-eof":
			defer func() { time.Sleep(time.Hour) }()
		case "-sleep":
			time.Sleep(time.Hour)
		case "-cat":
			io.Copy(os.Stdout, os.Stdin)
			return
		}
	}
	in := bufio.NewReaderSize(os.Stdin, 1<<20)
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return
		}
		what, arg, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		answer, _ := json.Marshal(obey(what, arg))
		os.Stdout.Write(append(answer, '\n'))
	}
}

func obey(what, arg string) any {
	number, _ := strconv.Atoi(arg)
	switch what {
	case "echo":
		return arg
	case "status":
		return status()
	case "env":
		return os.Environ()
	case "cwd":
		dir, _ := os.Getwd()
		return dir
	case "read":
		b, err := os.ReadFile(arg)
		return said(string(b), err)
	case "write":
		return said("ok", os.WriteFile(arg, []byte("written"), 0o600))
	case "fill":
		f, err := os.Create(arg)
		for err == nil {
			_, err = f.Write(make([]byte, 1<<20))
		}
		return said("", err)
	case "ls":
		names, err := filepath.Glob(arg)
		return said(strings.Join(names, " "), err)
	case "links":
		all, err := net.Interfaces()
		var names []string
		for _, i := range all {
			names = append(names, i.Name)
		}
		return said(strings.Join(names, " "), err)
	case "dial":
		_, err := net.DialTimeout("tcp", arg, 2*time.Second)
		return said("ok", err)
	case "lookup":
		addrs, err := net.LookupHost(arg)
		return said(strings.Join(addrs, " "), err)
	case "eat": // MiB
		all := make([][]byte, number)
		for i := range all {
			all[i] = make([]byte, 1<<20)
			for at := 0; at < len(all[i]); at += 4096 {
				all[i][at] = 1
			}
		}
		return len(all)
	case "burn": // ms; the processors used
		return burn(time.Duration(number) * time.Millisecond)
	case "fork": // how many children can be started
		for i := range number {
			if err := exec.Command("/proc/self/exe", "-sleep").Start(); err != nil {
				return i
			}
		}
		return number
	case "mknod":
		return said("ok", syscall.Mknod(arg, syscall.S_IFCHR|0o600, 1<<8|3))
	case "chown":
		return said("ok", os.Chown(arg, 1234, 1234))
	case "stderr":
		fmt.Fprintln(os.Stderr, arg)
	case "close-stdout":
		os.Stdout.Close()
	case "exit":
		os.Exit(number)
	case "signal":
		syscall.Kill(os.Getpid(), syscall.Signal(number))
		time.Sleep(time.Second)
	case "child-eats": // in a child, which the kernel kills
		cmd := exec.Command("/proc/self/exe")
		cmd.Stdin = strings.NewReader("eat " + arg + "\n")
		return said("ok", cmd.Run())
	}
	return "?"
}

func said(text string, err error) string {
	if err != nil {
		return "!" + err.Error()
	}
	return text
}

func status() map[string]string {
	b, _ := os.ReadFile("/proc/self/status")
	found := map[string]string{"pid": strconv.Itoa(os.Getpid())}
	for line := range strings.Lines(string(b)) {
		name, value, _ := strings.Cut(line, ":")
		if slices.Contains([]string{"CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb", "NoNewPrivs", "Seccomp", "Uid", "Gid", "Groups"}, name) {
			found[name] = strings.Join(strings.Fields(value), " ")
		}
	}
	init, _ := os.ReadFile("/proc/1/cmdline")
	found["init"] = strings.ReplaceAll(strings.Trim(string(init), "\x00"), "\x00", " ")
	return found
}

func burn(long time.Duration) float64 {
	begin := time.Now()
	done := make(chan struct{})
	for range runtime.NumCPU() {
		go func() {
			for time.Since(begin) < long {
			}
			done <- struct{}{}
		}()
	}
	for range runtime.NumCPU() {
		<-done
	}
	var used syscall.Rusage
	syscall.Getrusage(syscall.RUSAGE_SELF, &used)
	return float64(used.Utime.Nano()+used.Stime.Nano()) / float64(time.Since(begin))
}
