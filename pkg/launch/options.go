package launch

import (
	"slices"
	"strings"
)

// options are the known options of a runner, each name with its dashes, and how it is treated: see known.txt.
type options map[string][]string

// optionsOf are the options of a runner.
func optionsOf(runner string) options { return known()["options "+runner] }

func (o options) how(name string) string { return strings.Join(o[name], "") }

// scanned is what was found among the words of a runner.
type scanned struct {
	kept    []string            // for the installer
	taken   map[string][]string // what else is not dropped, by name
	rest    []string            // from the first plain word on
	opaque  bool                // an option is not known, or keeps the runner from being taken apart
	project bool                // an option makes it one of the project in its directory
}

func (s *scanned) has(name string) bool { _, ok := s.taken[name]; return ok }

// last is the last value of an option, by any of its names.
func (s *scanned) last(names ...string) string {
	for _, n := range names {
		if all := s.taken[n]; len(all) > 0 {
			return all[len(all)-1]
		}
	}
	return ""
}

func (s *scanned) all(names ...string) []string {
	var all []string
	for _, n := range names {
		all = append(all, s.taken[n]...)
	}
	return all
}

// dir is the directory that an option names.
func (s *scanned) dir() string {
	return s.last("--prefix", "-C", "--dir", "--cwd", "--directory", "--project")
}

// scan reads options up to the first plain word or "--", which is left out.
func (o options) scan(args []string) *scanned {
	s := &scanned{taken: map[string][]string{}}
	for i := 0; i < len(args); i++ {
		word := args[i]
		if word == "--" {
			s.rest = args[i+1:]
			return s
		}
		if !strings.HasPrefix(word, "-") || word == "-" {
			s.rest = args[i:]
			return s
		}
		name, value, joined := strings.Cut(word, "=")
		if o[name] == nil && !strings.HasPrefix(word, "--") && len(word) > 2 && takesWord(o.how(word[:2])) { // -pPKG
			name, value, joined = word[:2], word[2:], true
		}
		how := o.how(name)
		if takesWord(how) && !joined {
			if i++; i >= len(args) {
				s.opaque = true
				return s
			}
			value = args[i]
		}
		switch how {
		case "drop", "drop-value":
			continue
		case "keep":
			s.kept = append(s.kept, word)
			continue
		case "keep-value":
			if strings.HasPrefix(name, "--") {
				s.kept = append(s.kept, name+"="+value)
			} else {
				s.kept = append(s.kept, name, value)
			}
			continue
		case "take", "take-value":
		case "project", "project-value", "dir":
			s.project = true
		case "":
			s.opaque = true
			continue
		default:
			s.opaque = true
		}
		s.taken[name] = append(s.taken[name], value)
	}
	return s
}

// takesWord tells whether an option that is treated so has a value.
func takesWord(how string) bool { return how == "dir" || strings.HasSuffix(how, "-value") }

// merge adds what stood before the command.
func (s *scanned) merge(before *scanned) {
	s.kept = append(slices.Clone(before.kept), s.kept...)
	for name, values := range before.taken {
		s.taken[name] = append(slices.Clone(values), s.taken[name]...)
	}
	s.opaque, s.project = s.opaque || before.opaque, s.project || before.project
}
