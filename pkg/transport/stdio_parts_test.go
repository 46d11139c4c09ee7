package transport

import (
	"bytes"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/rs/zerolog"
)

func TestRing(t *testing.T) {
	for _, size := range []int{1, 7, 4096, ringSize - 1, ringSize, ringSize + 1, 3*ringSize + 5} {
		var r ring
		text := strings.Repeat("0123456789abcdef\n", 5*ringSize/17)
		for rest := text; rest != ""; {
			n := min(size, len(rest))
			r.Write([]byte(rest[:n]))
			rest = rest[n:]
		}
		if got, want := r.String(), text[len(text)-ringSize:]; got != want {
			t.Errorf("writes of %d: %d bytes, equal: %v", size, len(got), got == want)
		}
	}
	var r ring
	r.Write([]byte("short"))
	if r.String() != "short" {
		t.Errorf("got %q", r.String())
	}
	r.Write([]byte(strings.Repeat("語", ringSize)))
	if s := r.String(); !utf8.ValidString(s) || strings.ContainsRune(s, utf8.RuneError) {
		t.Error("a character was cut")
	}
	r.Write([]byte("\xff\xfe"))
	if s := r.String(); !utf8.ValidString(s) {
		t.Error("invalid UTF-8 came out")
	}
}

func TestBatchLine(t *testing.T) {
	for _, c := range []struct {
		args []string
		want string
	}{
		{nil, `cmd.exe /e:ON /v:OFF /d /c ""C:\n\npx.cmd""`},
		{[]string{"-y", "a b", ""}, `cmd.exe /e:ON /v:OFF /d /c ""C:\n\npx.cmd" "-y" "a b" """`},
		{[]string{`a"b`, `x\`, `x\"y`, "%PATH%", "&calc"}, `cmd.exe /e:ON /v:OFF /d /c ""C:\n\npx.cmd" "a""b" "x\\" "x\\""y" "%%cd:~,%PATH%%cd:~,%" "&calc""`},
	} {
		if got, err := batchLine(`C:\n\npx.cmd`, c.args); err != nil || got != c.want {
			t.Errorf("%q:\n got %s\nwant %s (%v)", c.args, got, c.want, err)
		}
	}
	if _, err := batchLine(`C:\x.cmd`, []string{"a\nb"}); err == nil {
		t.Error("a line break was passed on")
	}
	if _, err := batchLine(`C:\%x.cmd`, nil); err == nil {
		t.Error("a percent sign in the path was passed on")
	}
}

// A secret that is cut by a limit is no more told than a whole one.
func TestCutSecrets(t *testing.T) {
	const secret = "secret-0123456789-secret"
	var log bytes.Buffer
	s := &lines{out: zerolog.New(&log).Level(zerolog.TraceLevel), redact: func(s string) string { return strings.ReplaceAll(s, secret, "…") }}
	for at := range len(secret) { // it lies across the end of what is kept, and of the longest line that is traced
		text := strings.Repeat("x", ringSize-at) + secret + strings.Repeat("y", 100)
		s.writeErr([]byte(text[:ringSize-3]))
		s.writeErr([]byte(text[ringSize-3 : ringSize+2]))
		s.writeErr([]byte(text[ringSize+2:] + "\nnext line " + secret + "\n"))
		s.kept = ring{}
		s.kept.Write([]byte("x" + secret + strings.Repeat("z", ringSize-at) + "\nend\n"))
		for what, told := range map[string]string{"log": log.String(), "kept": s.redact(s.Diagnostics())} {
			for i := 0; i+6 <= len(secret); i++ {
				if strings.Contains(told, secret[i:i+6]) {
					t.Fatalf("cut at %d, the %s tells %q", at, what, secret[i:i+6])
				}
			}
		}
		if !strings.Contains(log.String(), "next line …") || !strings.HasSuffix(s.Diagnostics(), "\nend\n") {
			t.Fatalf("%d: the rest is not told", at)
		}
		log.Reset()
	}
}
