package cli

import (
	"bytes"
	"os"
	"os/exec"
	"os/signal"
	"regexp"
	"strings"
	"unicode/utf8"

	"golang.org/x/term"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/confusables"
)

// paged collects what write prints and shows it: through the pager where a terminal is too small for it, else as it is.
func (a *app) paged(noPager bool, write func(*printer)) error {
	p := newPrinter(a.out)
	var text bytes.Buffer
	p.w = &text
	write(p)
	if !noPager && p.live && !fits(text.String(), a.out.File) && page(text.Bytes(), a.out) {
		return nil
	}
	_, err := a.out.Write(text.Bytes())
	return failed(err)
}

// fits tells whether a text fits the terminal, with a line left to type in.
func fits(text string, out *os.File) bool {
	width, height, err := term.GetSize(int(out.Fd()))
	if err != nil || width < 1 {
		return true
	}
	rows := 1
	sgr := regexp.MustCompile("\x1b\\[[0-9;]*m")
	for line := range strings.Lines(sgr.ReplaceAllString(text, "")) {
		rows += 1 + (utf8.RuneCountInString(strings.TrimSuffix(line, "\n"))-1)/width
	}
	return rows < height
}

// page shows a text in the program that PAGER names, less by default, and tells whether it could be started. No shell reads the name.
func page(text []byte, out output) bool {
	words := strings.Fields(os.Getenv("PAGER"))
	if len(words) == 0 {
		if _, set := os.LookupEnv("PAGER"); set {
			return false // as man does: an empty one is none
		}
		words = []string{"less", "-R"}
	}
	c := exec.Command(words[0], words[1:]...)
	var safe bytes.Buffer
	confusables.Writer{To: &safe, Colors: out.colors()}.Write(text)
	c.Stdin, c.Stdout, c.Stderr = &safe, out.File, os.Stderr // the files themselves: a pager draws
	c.Env = os.Environ()
	if os.Getenv("LESS") == "" {
		c.Env = append(c.Env, "LESS=FRX") // colours, and the text stays on the screen
	}
	interrupts := make(chan os.Signal, 1)
	signal.Notify(interrupts, os.Interrupt) // it is the pager's
	defer signal.Stop(interrupts)
	if c.Start() != nil {
		return false
	}
	c.Wait() // who leaves it early has seen enough
	return true
}
