package launch

import "strings"

// How a runner's option is treated.
const (
	drop      = "drop"       // says nothing of what is run
	dropValue = "drop value" // likewise, and has a value
	keep      = "keep"       // the installer gets it
	keepValue = "keep value"
	take      = "take" // the parser looks at it
	takeValue = "take value"
)

// options are the known options of a runner, each name with its dashes.
type options map[string]string

// scanned is what was found among the words of a runner.
type scanned struct {
	kept    []string            // for the installer
	taken   map[string][]string // by name
	rest    []string            // from the first plain word on
	unknown string              // the first option that is not known, "" if all are
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
		how := o[name]
		if how == "" && !strings.HasPrefix(word, "--") && len(word) > 2 && strings.HasSuffix(o[word[:2]], "value") { // -pPKG
			name, value, joined = word[:2], word[2:], true
			how = o[name]
		}
		if strings.HasSuffix(how, "value") && !joined {
			if i++; i >= len(args) {
				s.unknown = name + " without a value"
				return s
			}
			value = args[i]
		}
		switch how {
		case keep:
			s.kept = append(s.kept, word)
		case keepValue:
			if strings.HasPrefix(name, "--") {
				s.kept = append(s.kept, name+"="+value)
			} else {
				s.kept = append(s.kept, name, value)
			}
		case take, takeValue:
			s.taken[name] = append(s.taken[name], value)
		case drop, dropValue:
		default:
			if s.unknown == "" {
				s.unknown = name
			}
		}
	}
	return s
}

// with is the options together with others.
func (o options) with(more options) options {
	all := options{}
	for _, m := range []options{o, more} {
		for name, how := range m {
			all[name] = how
		}
	}
	return all
}

// each gives all names the same treatment.
func each(how, names string) options {
	o := options{}
	for _, n := range strings.Fields(names) {
		o[n] = how
	}
	return o
}
