package process

import (
	"os"
	"unsafe"

	"golang.org/x/sys/windows"
)

// Here returns the processes of this machine, as they are now. Who operates a console is not told here.
func Here() System {
	all := map[int]Process{}
	snapshot, err := windows.CreateToolhelp32Snapshot(windows.TH32CS_SNAPPROCESS, 0)
	if err == nil {
		defer windows.CloseHandle(snapshot)
		e := windows.ProcessEntry32{Size: uint32(unsafe.Sizeof(windows.ProcessEntry32{}))}
		for err = windows.Process32First(snapshot, &e); err == nil; err = windows.Process32Next(snapshot, &e) {
			pid := int(e.ProcessID)
			all[pid] = Process{PID: pid, Parent: int(e.ParentProcessID), Name: windows.UTF16ToString(e.ExeFile[:]), Start: started(e.ProcessID)}
		}
	}
	find := func(pid int) (Process, bool) { p, ok := all[pid]; return p, ok }
	return System{Find: find, Holders: func(uint64) []int { return nil }}
}

func started(pid uint32) uint64 {
	h, err := windows.OpenProcess(windows.PROCESS_QUERY_LIMITED_INFORMATION, false, pid)
	if err != nil {
		return 0
	}
	defer windows.CloseHandle(h)
	var created, exited, kernel, user windows.Filetime
	if windows.GetProcessTimes(h, &created, &exited, &kernel, &user) != nil {
		return 0
	}
	return uint64(created.Nanoseconds())
}

// TTY tells nothing of a console's other end.
func TTY(*os.File) (tty uint64, console bool) { return 0, true }

// Boot names the time since the machine was started; start times are absolute here.
func Boot() string { return "" }
