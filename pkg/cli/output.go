package cli

import (
	"encoding/json"
	"io"
	"os"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/term"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/confusables"
)

// output is stdout, stderr or a log: whatever is written to it, nothing in it can deceive a terminal or an eye. Frames go to the
// file itself.
type output struct{ *os.File }

// Write implements [io.Writer].
func (o output) Write(p []byte) (int, error) {
	return confusables.Writer{To: o.File, Colors: o.colors()}.Write(p)
}

// WriteString implements [io.StringWriter].
func (o output) WriteString(s string) (int, error) { return o.Write([]byte(s)) }

// terminal tells whether it is one.
func (o output) terminal() bool { return term.IsTerminal(int(o.Fd())) }

// colors tells whether text is coloured there.
func (o output) colors() bool {
	kind := os.Getenv("TERM")
	return kind != "" && kind != "dumb" && os.Getenv("NO_COLOR") == "" && o.terminal() // no-color.org
}

// printer writes for people: aligned, with colours and cut to the width only where a terminal shows it.
type printer struct {
	w     io.Writer
	file  *os.File // of the terminal, for what moves on it
	width int      // columns of the terminal; 0: not a terminal, nothing is cut
	live  bool     // a line can be written again
	color bool
}

func newPrinter(f output) *printer {
	p := &printer{w: f, file: f.File}
	if !f.terminal() {
		return p
	}
	p.width = 80
	if w, _, err := term.GetSize(int(f.Fd())); err == nil && w >= 40 {
		p.width = w
	}
	kind := os.Getenv("TERM")
	p.live = kind != "" && kind != "dumb"
	p.color = f.colors()
	return p
}

// SGR parameters (ECMA-48, section 8.3.117).
const (
	bold   = "1"
	dim    = "2"
	red    = "31"
	green  = "32"
	yellow = "33"
)

func (p *printer) paint(sgr, s string) string {
	if !p.color || s == "" || sgr == "" {
		return s
	}
	return "\x1b[" + sgr + "m" + s + "\x1b[0m"
}

// line writes its parts and a line break. An error of writing shows in the exit of whoever reads us, not here.
func (p *printer) line(parts ...string) {
	io.WriteString(p.w, strings.Join(parts, "")+"\n")
}

// passing shows text until the next passing or line, on a terminal only. An empty text takes it away.
func (p *printer) passing(text string) {
	if p.live {
		io.WriteString(p.file, "\r\x1b[K"+confusables.Plain(confusables.Cut(text, p.width-1)))
	}
}

// wrapped writes text indented, broken at spaces where the terminal ends.
func (p *printer) wrapped(indent, sgr, text string) {
	for _, line := range p.wrap(text, utf8.RuneCountInString(indent)) {
		p.line(indent, p.paint(sgr, line))
	}
}

// wrap breaks text at spaces into lines that leave room for an indent.
func (p *printer) wrap(text string, indent int) []string {
	var lines []string
	for paragraph := range strings.SplitSeq(text, "\n") {
		line, room := "", p.width-indent-1
		for _, word := range strings.Fields(paragraph) {
			if line != "" && p.width > 0 && utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) > room {
				lines, line = append(lines, line), ""
			}
			if line != "" {
				line += " "
			}
			line += word
		}
		lines = append(lines, line)
	}
	return lines
}

// column is one column of a table.
type column struct {
	title string
	right bool                // numbers
	cut   bool                // gives way where the terminal is too narrow
	paint func(string) string // SGR for a cell; nil: none
}

func (p *printer) table(columns []column, rows [][]string) {
	widths := make([]int, len(columns))
	total := 2 * (len(columns) - 1)
	for i, c := range columns {
		widths[i] = len(c.title)
		for _, row := range rows {
			widths[i] = max(widths[i], utf8.RuneCountInString(row[i]))
		}
		total += widths[i]
	}
	for i, c := range columns {
		if c.cut && p.width > 0 && total > p.width {
			less := min(total-p.width, max(0, widths[i]-12))
			widths[i], total = widths[i]-less, total-less
		}
	}
	titles := make([]string, len(columns))
	for i, c := range columns {
		titles[i] = c.title
	}
	p.row(columns, widths, titles, func(int, string) string { return bold })
	for _, row := range rows {
		p.row(columns, widths, row, func(i int, cell string) string {
			if columns[i].paint == nil {
				return ""
			}
			return columns[i].paint(cell)
		})
	}
}

func (p *printer) row(columns []column, widths []int, cells []string, sgr func(int, string) string) {
	var b strings.Builder
	for i, cell := range cells {
		if i > 0 {
			b.WriteString("  ")
		}
		cell = confusables.Cut(cell, widths[i])
		pad := strings.Repeat(" ", widths[i]-utf8.RuneCountInString(cell))
		switch painted := p.paint(sgr(i, cell), cell); {
		case columns[i].right:
			b.WriteString(pad + painted)
		case i == len(cells)-1:
			b.WriteString(painted)
		default:
			b.WriteString(painted + pad)
		}
	}
	p.line(b.String())
}

// plain is a text of somebody else as it may be shown on one line.
func plain(s string) string { return confusables.Plain(s) }

// plainLines is plain for a text of several lines.
func plainLines(s string) string {
	s = strings.ReplaceAll(strings.ReplaceAll(strings.TrimRight(s, "\r\n"), "\r\n", "\n"), "\t", "    ")
	return confusables.PlainLines(s)
}

// printJSON writes v for programs.
func printJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	return failed(e.Encode(v))
}

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return strconv.Itoa(n) + " " + many
}
