package transport

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/launch"
)

// tree is a server process and its descendants, held together by a job object: the kernel ends all of them when the last
// handle to the job is closed, which is ours, however we end.
type tree struct {
	pid                   int
	stdin, stdout, stderr *os.File
	server                *os.Process

	mu  sync.Mutex
	job windows.Handle // 0 once closed
}

func startTree(spec *StdioSpec, path string) (t *tree, err error) {
	t = &tree{}
	var theirs [3]*os.File
	defer func() {
		closeAll(theirs[:]...)
		if err != nil {
			t.close()
		}
	}()
	if theirs[0], t.stdin, err = os.Pipe(); err != nil {
		return t, err
	}
	if t.stdout, theirs[1], err = os.Pipe(); err != nil {
		return t, err
	}
	if t.stderr, theirs[2], err = os.Pipe(); err != nil {
		return t, err
	}
	if t.job, err = newJob(); err != nil {
		return t, fmt.Errorf("no job object for the server: %w", err)
	}
	attr := &syscall.SysProcAttr{CreationFlags: windows.CREATE_SUSPENDED | windows.CREATE_NO_WINDOW | windows.CREATE_NEW_PROCESS_GROUP}
	argv := append([]string{spec.Command}, spec.Args...)
	if ext := strings.ToLower(filepath.Ext(path)); ext == ".cmd" || ext == ".bat" {
		if attr.CmdLine, err = batchLine(path, spec.Args); err != nil {
			return t, err
		}
		path = filepath.Join(systemRoot(spec.Env), "System32", "cmd.exe")
	}
	dir, err := enterChecked(spec)
	if err != nil {
		return t, err
	}
	t.server, err = os.StartProcess(path, argv, &os.ProcAttr{Dir: dir, Env: withSystemRoot(spec.Env), Files: theirs[:], Sys: attr})
	if err != nil {
		return t, fmt.Errorf("%s cannot be run: %w", path, launch.Cause(err))
	}
	t.pid = t.server.Pid
	if err = t.release(); err != nil {
		t.server.Kill()
		t.server.Wait()
		return t, fmt.Errorf("%s cannot be run in a job object: %w", path, err)
	}
	return t, nil
}

func newJob() (windows.Handle, error) {
	job, err := windows.CreateJobObject(nil, nil)
	if err != nil {
		return 0, err
	}
	var limits windows.JOBOBJECT_EXTENDED_LIMIT_INFORMATION
	limits.BasicLimitInformation.LimitFlags = windows.JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE
	_, err = windows.SetInformationJobObject(job, windows.JobObjectExtendedLimitInformation, uintptr(unsafe.Pointer(&limits)), uint32(unsafe.Sizeof(limits)))
	if err != nil {
		windows.CloseHandle(job)
		return 0, err
	}
	return job, nil
}

// release puts the suspended server into the job before it has run a single instruction, then lets it run.
func (t *tree) release() error {
	var err error
	if handleErr := t.server.WithHandle(func(h uintptr) { err = windows.AssignProcessToJobObject(t.job, windows.Handle(h)) }); handleErr != nil {
		return handleErr
	}
	if err != nil {
		return err
	}
	snapshot, err := windows.CreateToolhelp32Snapshot(windows.TH32CS_SNAPTHREAD, 0)
	if err != nil {
		return err
	}
	defer windows.CloseHandle(snapshot)
	entry := windows.ThreadEntry32{Size: uint32(unsafe.Sizeof(windows.ThreadEntry32{}))}
	for err = windows.Thread32First(snapshot, &entry); err == nil; err = windows.Thread32Next(snapshot, &entry) {
		if entry.OwnerProcessID != uint32(t.pid) {
			continue
		}
		thread, err := windows.OpenThread(windows.THREAD_SUSPEND_RESUME, false, entry.ThreadID)
		if err != nil {
			return err
		}
		_, err = windows.ResumeThread(thread)
		windows.CloseHandle(thread)
		return err // a suspended process has one thread
	}
	return err
}

// watch calls exited once, when the server process has ended, and returns when its tree has.
func (t *tree) watch(exited func(*ExitError)) {
	how := &ExitError{Code: -1}
	if state, err := t.server.Wait(); err == nil {
		how.Code = state.ExitCode()
	}
	exited(how)
	t.kill()
	for begin := time.Now(); t.alive() && time.Since(begin) < 2*time.Second; {
		time.Sleep(2 * time.Millisecond)
	}
	t.closeJob()
}

// alive asks how many processes are in the job (JOBOBJECT_BASIC_ACCOUNTING_INFORMATION).
func (t *tree) alive() bool {
	var info struct {
		times              [4]int64
		faults, all, alive uint32
		terminated         uint32
	}
	err := windows.QueryInformationJobObject(t.job, windows.JobObjectBasicAccountingInformation, uintptr(unsafe.Pointer(&info)), uint32(unsafe.Sizeof(info)), nil)
	return err == nil && info.alive > 0
}

// terminate does nothing: Windows has no signal that a process without a console could be asked with. The end of
// stdin has been the request.
func (t *tree) terminate() {}

func (t *tree) kill() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.job != 0 {
		windows.TerminateJobObject(t.job, 1)
	}
}

func (t *tree) abandon() { t.server.Kill() }

func (t *tree) closeJob() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.job != 0 {
		windows.CloseHandle(t.job)
		t.job = 0
	}
}

func (t *tree) close() {
	closeAll(t.stdin, t.stdout, t.stderr)
	t.closeJob()
}

// withSystemRoot adds the one variable without which Windows programs can't even load their libraries.
func withSystemRoot(env []string) []string {
	if launch.Getenv(env, "SYSTEMROOT") != "" {
		return env
	}
	return append(env[:len(env):len(env)], "SYSTEMROOT="+os.Getenv("SYSTEMROOT"))
}

func systemRoot(env []string) string { return launch.Getenv(withSystemRoot(env), "SYSTEMROOT") }
