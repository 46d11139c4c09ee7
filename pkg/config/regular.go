package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
)

// Errors of [OpenRegular] and [ReadRegular].
var (
	// ErrNotRegular is wrapped for a named pipe, a socket, a device or a directory.
	ErrNotRegular = errors.New("is not a regular file")
	// ErrTooLarge is wrapped for a file with more bytes than are read.
	ErrTooLarge = errors.New("is too large")
)

// OpenRegular opens a file to read it. A file that somebody else may have put there is opened by it: a named pipe would wait for its
// writer, and a device may do anything. The error wraps ErrNotRegular, or is that of the system.
func OpenRegular(path string) (*os.File, fs.FileInfo, error) {
	info, err := os.Stat(path) // opening a device can already do something
	if err == nil && !info.Mode().IsRegular() {
		err = ErrNotRegular
	}
	if err != nil {
		return nil, nil, err
	}
	f, err := openNow(path)
	if err != nil {
		return nil, nil, err
	}
	if info, err = f.Stat(); err == nil && !info.Mode().IsRegular() { // it was replaced in between
		err = ErrNotRegular
	}
	if err != nil {
		f.Close()
		return nil, nil, err
	}
	return f, info, nil
}

// ReadRegular reads a regular file of at most so many bytes. The error wraps ErrNotRegular, ErrTooLarge or one of the system.
func ReadRegular(path string, most int64) ([]byte, error) {
	f, _, err := OpenRegular(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, most+1))
	if err != nil {
		return nil, err
	}
	if int64(len(data)) > most {
		return nil, fmt.Errorf("%w: it has more than %d MiB", ErrTooLarge, most>>20)
	}
	return data, nil
}
