package launch

import (
	"debug/buildinfo"
	"path/filepath"
)

// goSteps install a program. No go.mod, go.work or vendor directory has a say: the directory is empty, and workspaces are off.
func goSteps(q *Request, dir string) ([]Command, error) {
	r := q.Runner
	return []Command{{
		Name: r.Command, Args: append(append([]string{"install"}, r.Options...), r.Packages...),
		Env: []string{"GOBIN=" + filepath.Join(dir, "bin"), "GOWORK=off"},
	}}, nil
}

// goRead reads the version from the program itself.
func goRead(r *Runner, dir string) ([]Version, Entrypoint, error) {
	file := "bin/" + exe(r.Bin)
	info, err := buildinfo.ReadFile(filepath.Join(dir, filepath.FromSlash(file)))
	if err != nil {
		return nil, Entrypoint{}, err
	}
	return []Version{{Name: info.Main.Path, Version: info.Main.Version, Integrity: info.Main.Sum}}, Entrypoint{File: file}, nil
}
