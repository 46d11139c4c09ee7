package transport

import (
	"fmt"
	"path/filepath"
)

// enterChecked gives the working directory if it still leads where it has to.
func enterChecked(spec *StdioSpec) (string, error) {
	if spec.RealDir == "" {
		return spec.Dir, nil
	}
	real, err := filepath.EvalSymlinks(spec.Dir)
	if err == nil && real != spec.RealDir {
		err = fmt.Errorf("it leads to %q", real)
	}
	if err != nil {
		return "", fmt.Errorf("the working directory %q changed after it was checked: %w", spec.Dir, err)
	}
	return spec.RealDir, nil
}
