package transport

import (
	"fmt"
	"strings"
)

// batchLine is the command line that runs a .cmd or .bat file with these arguments and nothing else. cmd.exe reads it by rules of
// its own: everything stands in quotes, a quote is doubled, and %cd:~,% (an empty part of a variable that is always there)
// after a percent sign keeps %NAME% from being replaced (the escapes of Rust's standard library since CVE-2024-24576).
func batchLine(path string, args []string) (string, error) {
	if strings.ContainsAny(path, "\"%\r\n") {
		return "", fmt.Errorf(`%q cannot be run by cmd.exe: its path contains a quote, a percent sign or a line break`, path)
	}
	var b strings.Builder
	b.WriteString(`cmd.exe /e:ON /v:OFF /d /c ""` + path + `"`)
	for i, arg := range args {
		if strings.ContainsAny(arg, "\r\n\x00") {
			return "", fmt.Errorf("argument %d of %s contains a line break, which cmd.exe can't pass on", i+1, path)
		}
		b.WriteString(` "`)
		slashes := 0
		for _, c := range []byte(arg) {
			switch c {
			case '\\':
				slashes++
			case '"':
				b.WriteString(strings.Repeat(`\`, slashes) + `"`)
				slashes = 0
			case '%':
				b.WriteString(`%%cd:~,`)
				slashes = 0
			default:
				slashes = 0
			}
			b.WriteByte(c)
		}
		b.WriteString(strings.Repeat(`\`, slashes) + `"`)
	}
	b.WriteByte('"')
	return b.String(), nil
}
