package scan

import (
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"
)

// token is one word of a definition, and what it is about.
type token struct {
	of         concept
	text       int32 // in which of the stream's texts
	start, end int32 // there
	stop       bool  // a sentence ends before it
	quoted     bool  // it stands in quotation marks
}

// stream is a definition as words, in order.
type stream struct {
	tokens []token
	texts  []string // normalized
	nodes  []int    // where each stands
	all    concept  // of all tokens

	tools        tools
	parameters   map[string]bool // of the same definition, which are no tools
	leet, spaced int             // words that were written so
	rotated      int             // words that make sense when rotated by 13 letters
	reversed     int
}

// own tells whether a word is the server's own name for something.
func (st *stream) own(word string) bool { return st.tools.own[word] || st.parameters[bare(word)] }

// bare is a name without what stands between its words: send_digits is SendDigits.
func bare(name string) string {
	if !strings.ContainsAny(name, "_-") {
		return name
	}
	return strings.NewReplacer("_", "", "-", "").Replace(name)
}

// add takes a normalized text in.
func (st *stream) add(s string, node int) {
	index := int32(len(st.texts))
	st.texts = append(st.texts, s)
	st.nodes = append(st.nodes, node)
	firstToken := len(st.tokens)
	stop := true
	if n := len(st.texts); n > 1 && continues(st.texts[n-2], s) {
		stop = false
	}
	var quote rune
	quoteEnd := 0
	letters := 0 // single letters in a row
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == '\n':
			if line := strings.TrimLeft(s[i+1:], " \t\r"); line == "" || line[0] == '\n' || item(line) {
				stop = true
			}
			i++
			continue
		case unicode.IsSpace(r):
			i += n
			continue
		case quote == 0 && (strings.ContainsRune("\"“„«「", r) || (r == '\'') && (i == 0 || strings.IndexByte(" (\n:[", s[i-1]) >= 0)):
			if end := closing(s[i+n:], r); end > 0 {
				quote, quoteEnd = r, i+n+end
			}
			i += n
			continue
		case r == '。' || r == '！' || r == '？' || r == '；':
			stop = true
			i += n
			continue
		}
		if quote != 0 && i >= quoteEnd {
			quote = 0
		}
		if unspacedScript(r) {
			end := i
			for end < len(s) {
				r, n := utf8.DecodeRuneInString(s[end:])
				if !unspacedScript(r) {
					break
				}
				end += n
			}
			stop = st.phrases(s, i, end, index, stop, quote != 0)
			i = end
			continue
		}
		end := i
		for end < len(s) {
			r, n := utf8.DecodeRuneInString(s[end:])
			if unicode.IsSpace(r) || unspacedScript(r) || strings.ContainsRune("\"“”„«»。，", r) {
				break
			}
			end += n
		}
		if end == i {
			i += n
			continue
		}
		if utf8.RuneCountInString(s[i:end]) == 1 && unicode.IsLetter(r) {
			letters++
		} else {
			letters = 0
		}
		stop = st.word(s, i, end, index, stop, quote != 0)
		if letters == 5 {
			st.unspace(s, i, index, &end)
			letters = 0
		}
		i = end
	}
	st.pairs(firstToken)
}

// item tells whether a line begins an item of a list, which is a sentence of its own.
func item(line string) bool {
	for _, bullet := range []string{"- ", "* ", "+ ", "• ", "– "} {
		if strings.HasPrefix(line, bullet) {
			return true
		}
	}
	i := 0
	for i < len(line) && i < 3 && line[i] >= '0' && line[i] <= '9' {
		i++
	}
	return i > 0 && (strings.HasPrefix(line[i:], ". ") || strings.HasPrefix(line[i:], ") "))
}

// continues tells whether b reads on from where a broke off.
func continues(a, b string) bool {
	a = strings.TrimRight(a, " \n")
	if a == "" || b == "" || strings.ContainsRune(".!?:;)]}\"'", rune(a[len(a)-1])) || !strings.Contains(a, " ") || !strings.Contains(b, " ") {
		return false
	}
	return b[0] >= 'a' && b[0] <= 'z' || b[0] == '~' || b[0] == '/' || b[0] == '.'
}

// closing is where the quotation that open began ends in s, -1 if that is not near.
func closing(s string, open rune) int {
	near := s[:min(len(s), 160)]
	switch open {
	case '“', '„':
		return strings.IndexAny(near, "”“\"")
	case '«':
		return strings.Index(near, "»")
	case '「':
		return strings.Index(near, "」")
	}
	return strings.IndexRune(near, open)
}

// signs are signs that stand around words.
const signs = "()[]{}<>,;:!?'`*_#|=…"

// word takes in what stands between two spaces, and tells whether a sentence ends with it.
func (st *stream) word(s string, start, end int, text int32, stop, quoted bool) bool {
	ends := strings.ContainsRune(".!?;", rune(s[end-1])) && end-start > 1
	raw := strings.TrimRight(strings.Trim(s[start:end], signs), signs+".") // a leading point is part of a name: .env
	if raw == "" {
		return stop || ends
	}
	at := start + strings.Index(s[start:end], raw)
	of := st.meaning(raw)
	if at > start && at+len(raw) < end && (s[at-1] == '`' || s[at-1] == '\'') && s[at+len(raw)] == s[at-1] && len(raw) > 2 { // `fetch`
		switch {
		case st.tools.foreignPlain[raw] && !st.parameters[bare(raw)]:
			of |= foreignTool | identifier
		case given[raw]: // a value: `true`, `none`
		case !st.own(raw) && !strings.ContainsAny(raw, "./=:$-") && (name(raw) || !strings.Contains(raw, "_")) && (s[at-1] == '`' || strings.HasPrefix(s[at+len(raw)+1:], " tool") || strings.HasPrefix(s[at+len(raw)+1:], " function")):
			of |= identifier
		}
	}
	if of == 0 && strings.ContainsAny(raw, "-/=:.(") && len(raw) < 80 {
		var switched concept // what the words of an option (--allow-writes) do not do
		if strings.HasPrefix(raw, "--") {
			switched = approve | tell | show | see | call
		}
		if strings.ContainsAny(raw, "=:") {
			switched |= identifier // max_items:10
		}
		for part := range strings.FieldsFuncSeq(raw, func(r rune) bool { return strings.ContainsRune("-/=:.()[]'`*", r) }) {
			of := st.meaning(part) &^ switched
			st.push(token{of: of, text: text, start: int32(at), end: int32(at + len(raw)), stop: stop, quoted: quoted})
			stop = false
		}
		return stop || ends
	}
	st.push(token{of: of, text: text, start: int32(at), end: int32(at + len(raw)), stop: stop, quoted: quoted})
	return ends
}

func (st *stream) push(t token) {
	st.tokens = append(st.tokens, t)
	st.all |= t.of
}

// maxWord is how long a word may be, in bytes, to be looked up in all ways; what is longer is none.
const maxWord = 100

// meaning is what a word is about.
func (st *stream) meaning(word string) concept {
	v := lexicon()
	if len(word) > maxWord {
		return literal(word)
	}
	if st.tools.foreign[word] { // also if a parameter is called so: that is the writer's to choose
		return foreignTool | identifier | tool
	}
	if of := v.words[word]; of != 0 {
		return of
	}
	if bare, _, called := strings.Cut(word, "("); st.own(bare) {
		return 0
	} else if called && v.words[bare] != 0 {
		return v.words[bare]
	}
	if of := literal(word); of != 0 {
		return of
	}
	if strings.HasSuffix(word, "'s") {
		return v.words[word[:len(word)-2]]
	}
	if of := v.foreign(word); of != 0 {
		return of
	}
	if len(word) > 1 {
		for _, one := range []byte{'i', 'l'} {
			plain := unleet(word, one)
			if plain == "" {
				break
			}
			if of := v.words[plain]; of != 0 {
				if len(plain) > 2 {
					st.leet++
				}
				return of
			}
		}
	}
	if len(word) >= 2 && word[0] < utf8.RuneSelf {
		if v.english(rotate(word)) {
			st.rotated++
		}
		if v.english(reverse(word)) {
			st.reversed++
		}
	}
	if name(word) {
		return identifier
	}
	return 0
}

// name tells whether a word looks like the name of a tool: read_file is one, get-user and user_id are not.
func name(word string) bool {
	i := strings.LastIndexByte(word, '_')
	if strings.ContainsAny(word, "=:[]{}()<>$%&+*/\\\"'`,;|") {
		return false // max_items=10, an array's type
	}
	return i > 0 && i < len(word)-1 && word[0] != '_' && len(word) < 65 && !values()[word[i+1:]]
}

// values are last words in the names of parameters and fields.
var values = sync.OnceValue(func() map[string]bool {
	return set("id ids url urls uri name names type types key keys path paths at by count size date time status code token tokens number index page limit offset format mode level value values flag required only")
})

// pairs joins words that mean something together, and takes from a word what it does not mean beside another.
func (st *stream) pairs(from int) {
	v := lexicon()
	for i := from; i+1 < len(st.tokens); i++ {
		a, b := &st.tokens[i], &st.tokens[i+1]
		if !b.stop {
			st.beside(i)
		}
		if b.of&tool != 0 && st.another(i+1) {
			b.of |= otherTool
			st.all |= otherTool
		}
		first := st.texts[a.text][a.start:a.end]
		if b.stop || !v.opens[first] || i > from && first == "you" && conditions[st.spelled(i-1)] { // unless you know
			continue
		}
		if of := v.pairs[first+" "+st.texts[b.text][b.start:b.end]]; of != 0 {
			a.of |= of
			st.all |= of
		}
	}
}

var conditions = set("if unless when until once whether before")

// spelled is a token as it is written.
func (st *stream) spelled(i int) string {
	t := &st.tokens[i]
	return st.texts[t.text][t.start:t.end]
}

// beside takes from the word after i what it does not mean there.
func (st *stream) beside(i int) {
	a, b := &st.tokens[i], &st.tokens[i+1]
	if a.of|b.of == 0 {
		return
	}
	switch word := st.spelled(i + 1); {
	case b.of&tool != 0 && st.tools.own[st.spelled(i)]: // the list_pages tool
		b.of &^= tool | foreignTool
	case a.of&identifier != 0 && a.of&foreignTool == 0 && st.parameter(i+1): // the reply_to header, reply_to is set
		a.of &^= identifier
	case word == "allows": // it allows a user to edit
		b.of &^= approve
	case a.of&tool != 0 && (word == "call" || word == "calls"): // before other tool calls
		b.of = b.of&^call | operation
	case word == "flag" && a.of&(not|must) == 0 && st.spelled(i) != "to": // the --force flag
		b.of &^= tell
	case word == "rest" && st.spelled(i) != "the": // encryption at rest
		b.of &^= lasting
	case b.of&must != 0 && (st.spelled(i) == "that" || st.spelled(i) == "which"): // tools that require an id
		b.of &^= must
	case word == "of" && st.spelled(i) == "out" && st.seen(i+2): // keep it out of the summary
		a.of |= hide
		st.all |= hide
	}
}

// parameter tells whether what follows a name, from word i on, speaks of it as of a parameter.
func (st *stream) parameter(i int) bool {
	word := st.spelled(i)
	if (word == "is" || word == "are") && i+1 < len(st.tokens) && !st.tokens[i+1].stop {
		return given[st.spelled(i+1)]
	}
	return valued[word]
}

// valued are words for what has a value, given for whether it has one.
var (
	valued = set("parameter parameters param params field fields option options property properties attribute attributes column columns header headers flag argument arguments url value")
	given  = set("set unset given provided specified omitted empty missing present absent true false null none enabled disabled required optional")
)

// seen tells whether what follows from word i on is where a person would see or hear of something.
func (st *stream) seen(i int) bool {
	for n := i; n < min(len(st.tokens), i+4) && !st.tokens[n].stop; n++ {
		if st.tokens[n].of&(response|person|you|trace|talk|session|tell|show) != 0 || sight[st.spelled(n)] {
			return true
		}
	}
	return false
}

var sight = set("sight view earshot")

// another tells whether the tool that token i speaks of is not the one that is described: a tool, any tool, the send_mail tool.
func (st *stream) another(i int) bool {
	if st.tools.subject[strings.TrimSuffix(st.spelled(i), "s")] {
		return false
	}
	for n := 0; n < 4 && i > 0 && !st.tokens[i].stop; n++ {
		i--
		t := &st.tokens[i]
		switch word := st.texts[t.text][t.start:t.end]; {
		case word == "this" || word == "these" || word == "the" && n == 0 || st.own(word), st.tools.server[word]: // other acme tools
			return false
		case t.of&(identifier|every) != 0 || word == "a" || word == "an" || word == "the":
			return true
		}
	}
	return false
}
