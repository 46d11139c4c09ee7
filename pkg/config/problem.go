package config

import (
	"fmt"
	"slices"
	"strings"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/confusables"
)

// Severities of a [Problem].
const (
	SeverityError   = "error"   // costs the entry or the value it is about
	SeverityWarning = "warning" // is told, and costs nothing by itself
)

// maxProblems bounds what one file can make us report; the rest only counts.
const maxProblems = 1000

// Problem is one thing about a configuration file that its owner should know.
type Problem struct {
	Path         string // the file, as it was named to Load or Parse
	Line, Column int    // from 1; columns count characters. 0: the whole file
	Server       string // the entry it is about; empty: none
	Severity     string // SeverityError or SeverityWarning
	Value        string // the offending text; empty where showing it could show a secret
	Message      string // what is wrong
	Remedy       string // what to do about it

	Dropped string // the option of other clients, or of nobody, that has no effect; empty: it is about something else
	Unread  bool   // it is about servers that are not read
}

// String formats p as "file:line:col: server: message (value) – remedy".
func (p Problem) String() string {
	var b strings.Builder
	b.WriteString(p.Path)
	if p.Line > 0 {
		fmt.Fprintf(&b, ":%d:%d", p.Line, p.Column)
	}
	b.WriteString(": ")
	if p.Server != "" {
		b.WriteString(p.Server + ": ")
	}
	b.WriteString(sentence(p.Message, p.Value, p.Remedy))
	return confusables.Plain(b.String())
}

// reason is what stands in Server.Refused: the problem without the place, which
// the reader of a server list does not need twice.
func (p Problem) reason() string {
	value := p.Value
	switch {
	case p.Line > 0 && value != "":
		value = fmt.Sprintf("%s, line %d", value, p.Line)
	case p.Line > 0:
		value = fmt.Sprintf("line %d", p.Line)
	}
	return sentence(p.Message, value, p.Remedy)
}

func sentence(message, value, remedy string) string {
	if value != "" {
		message += " (" + value + ")"
	}
	if remedy != "" {
		message += " – " + remedy
	}
	return confusables.Plain(message)
}

// SyntaxError says why a whole file could not be read. Whoever runs on an
// earlier snapshot keeps that one.
type SyntaxError struct {
	Path         string
	Line, Column int    // from 1; columns count characters
	Text         string // the offending text, shortened so that it shows no secret
	Message      string
	Remedy       string
}

// Error formats e like [Problem.String].
func (e *SyntaxError) Error() string { return e.Problem().String() }

// Problem is e as one entry of a list of problems.
func (e *SyntaxError) Problem() Problem {
	return Problem{
		Path: e.Path, Line: e.Line, Column: e.Column, Severity: SeverityError,
		Value: e.Text, Message: e.Message, Remedy: e.Remedy,
	}
}

// report collects the problems of one file.
type report struct {
	src      *source
	problems []Problem
}

// add records a problem at a byte offset and returns it.
func (r *report) add(offset int, p Problem) Problem {
	if len(r.problems) >= maxProblems {
		return p
	}
	p.Path = r.src.path
	p.Line, p.Column = r.src.position(offset)
	r.problems = append(r.problems, p)
	return p
}

// sorted returns the problems in file order.
func (r *report) sorted() []Problem {
	slices.SortStableFunc(r.problems, func(a, b Problem) int {
		if a.Line != b.Line {
			return a.Line - b.Line
		}
		return a.Column - b.Column
	})
	return r.problems
}
