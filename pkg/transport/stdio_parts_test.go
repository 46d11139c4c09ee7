package transport

import (
	"strings"
	"testing"
	"unicode/utf8"
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
