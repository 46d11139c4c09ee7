//go:build unix

package config

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestConfigurationThatOthersCanWrite(t *testing.T) {
	for what, c := range map[string]struct {
		file, dir fs.FileMode
		want      string
	}{
		"the user's":             {0o600, 0o700, ""},
		"readable":               {0o644, 0o755, ""},
		"everybody's":            {0o666, 0o755, "chmod go-w"},
		"everybody's, unread":    {0o602, 0o755, "chmod go-w"},
		"everybody's directory":  {0o600, 0o777, "chmod go-w"},
		"a directory like /tmp":  {0o600, 0o1777, ""},
		"the user's own group's": {0o660, 0o770, ""},
	} {
		dir := filepath.Join(t.TempDir(), "d")
		path := filepath.Join(dir, "c.json")
		os.Mkdir(dir, 0o755)
		os.WriteFile(path, []byte(`{"mcpServers":{}}`), 0o600)
		os.Chmod(path, c.file)
		mode := c.dir.Perm()
		if c.dir&0o1000 != 0 {
			mode |= fs.ModeSticky
		}
		os.Chmod(dir, mode)
		link := filepath.Join(t.TempDir(), "link.json")
		os.Symlink(path, link)
		if strings.HasPrefix(what, "the user's own group") && !privateGroup(uint32(os.Getegid())) {
			c.want = "chmod go-w"
		}
		for _, p := range []string{path, link} {
			if _, err := Load(p); (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s: %v", what, err)
			}
		}
	}
	if os.Geteuid() != 0 {
		return
	}
	path := filepath.Join(t.TempDir(), "c.json")
	os.WriteFile(path, []byte(`{"mcpServers":{}}`), 0o600)
	os.Chown(path, 12345, -1)
	if _, err := Load(path); err == nil || !strings.Contains(err.Error(), "12345") {
		t.Errorf("another user's: %v", err)
	}
	os.Chown(path, 0, 12345)
	os.Chmod(path, 0o660)
	if _, err := Load(path); err == nil || !strings.Contains(err.Error(), "chmod go-w") {
		t.Errorf("another group's: %v", err)
	}
}
