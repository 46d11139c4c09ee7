package mcptest

import (
	"os"
	"path/filepath"
	"testing"
)

// RunnerPath is a PATH that begins with the package managers of testdata/runners: pnpm, yarn, bun, bunx and deno. Without them the test is
// skipped, in CI it fails.
func RunnerPath(t testing.TB) string {
	t.Helper()
	dir := filepath.Join(os.Getenv("MCPPROXY_TEST_RUNNERS"), "node_modules")
	bun, _ := filepath.Glob(filepath.Join(dir, "@oven", "bun-*", "bin", "bun")) // the package's own file is put there by a script
	if os.Getenv("MCPPROXY_TEST_RUNNERS") == "" || len(bun) == 0 {
		const why = "needs package managers: set MCPPROXY_TEST_RUNNERS to a folder that testdata/runners was installed into"
		if os.Getenv("MCPPROXY_TEST_NO_SKIP") != "" {
			t.Fatal(why)
		}
		t.Skip(why)
	}
	links := t.TempDir()
	for name, target := range map[string]string{"bun": bun[0], "bunx": bun[0]} {
		if err := os.Symlink(target, filepath.Join(links, name)); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"pnpm", "pnpx", "yarn", "deno"} {
		if err := os.Symlink(filepath.Join(dir, ".bin", name), filepath.Join(links, name)); err != nil {
			t.Fatal(err)
		}
	}
	return links + string(os.PathListSeparator) + os.Getenv("PATH")
}
