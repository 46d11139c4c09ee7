package config

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
)

// InWorkspace returns c with the servers that a workspace's own file at path proposes, and what the file holds: nil if it is not there or
// can't be read, which is a problem then. Whatever starts, checks or describes the servers of a workspace reads its file here.
func (c *Config) InWorkspace(path string) (merged *Config, data []byte) {
	data, err := ReadRegular(path, MaxFileSize)
	if err == nil {
		return c.WithWorkspace(path, data), data
	}
	if errors.Is(err, fs.ErrNotExist) {
		return c, nil
	}
	p := Problem{Path: path, Severity: SeverityError, Message: "the workspace's file cannot be read: " + cause(err).Error(),
		Remedy: "the workspace's servers are left out until it is mended"}
	switch {
	case errors.Is(err, ErrNotRegular):
		p.Message = "the workspace's file is not a regular file"
	case errors.Is(err, ErrTooLarge):
		p.Message = fmt.Sprintf("the workspace's file is larger than %d MiB", MaxFileSize>>20)
	}
	with := *c
	with.Problems = append(slices.Clone(c.Problems), p)
	return &with, nil
}
