package sandbox

import "path/filepath"

// Shows tells which paths a program would see, as they are outside. What a sandbox makes anew for each program is none of it: a home, /tmp.
func Shows(spec Spec) func(path string) bool {
	v := newView(spec.Home)
	if spec.Workspace != "" {
		v.workspace, _ = filepath.EvalSymlinks(spec.Workspace)
	}
	v.system()
	if spec.Path != "" {
		v.program(spec.Path, spec.Env) // as much as can be told: a start says what is wrong with it
	}
	v.listed(spec)
	return v.visible
}
