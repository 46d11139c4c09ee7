package scan

import (
	"strings"
	"sync"
)

// purpose reads what the definition says it is for: its name, its title and the first words of its description.
func (j *judge) purpose(item Item) {
	description := j.doc.member("description")
	if i := strings.IndexAny(description, ".\n"); i > 0 {
		description = description[:i]
	}
	if len(description) > 160 {
		description = description[:160]
	}
	p := stream{}
	name, _ := apart(item.Name)
	s, _ := normalize(name + "\n\n" + description)
	p.add(s, 0)
	subject := p.all
	j.subject = subject
	for i, t := range p.tokens {
		named := int(t.start) < len(name)
		if t.of&detect != 0 && t.of&(read|show|put|send|call) == 0 && i < 14 {
			j.guard = subject&(secret|path|instruction|safety|hide|steal) != 0 || strings.Contains(s, "injection") || strings.Contains(s, "malicious") || strings.Contains(s, "phish")
			j.guardian = j.guardian || named && j.guard
		}
		j.files = j.files || named && t.of&(secret|path) != 0
	}
	fits, more := false, false
	known := subjects()
	for word := range strings.FieldsSeq(strings.ToLower(name)) {
		j.files = j.files || known.handles[word] || sensitivePath("."+word)
		fits = fits || known.needsNothing[word]
		more = more || !known.needsNothing[word] && !known.fillers[word]
	}
	j.plain = fits && !more
	j.lone = len(j.context.Own) == 1 && item.Kind == "tool"
}

// subjects are words in the names of tools. They are made when they are first needed.
var subjects = sync.OnceValue(func() (w struct{ needsNothing, fillers, handles map[string]bool }) {
	// Tasks that need nothing but what they are asked, and words that stand beside them.
	w.needsNothing = set("add adds sum subtract multiply divide calc calculator calculate calculation math arithmetic sqrt fibonacci prime primes factorial mean median average percent percentage bmi evaluate " +
		"time timezone clock now date today countdown random dice roll coin flip uuid guid shuffle joke jokes fact facts trivia quote poem rhyme rhymes haiku lorem ipsum emoji emojis ascii cowsay horoscope fortune greet greeting hello echo " +
		"slug slugify uppercase lowercase upper lower trim wordcount count spell spellcheck dictionary define definition synonym synonyms thesaurus translate translation convert converter conversion unit units currency temperature " +
		"weather forecast color colour colors palette qr qrcode recipe recipes reverse palindrome anagram sort round length distance")
	w.fillers = set("get my the a an of in to current tool numbers number two three integers ints make show tell me give list text string words word generator generate simple basic day daily one server is check")
	// What has business with things that others should leave alone.
	w.handles = set("ssh env dotenv credential credentials secret secrets config dotfiles kube aws settings vault")
	return w
})

func set(words string) map[string]bool {
	m := map[string]bool{}
	for word := range strings.FieldsSeq(words) {
		m[word] = true
	}
	return m
}

// mismatch looks for what a tool that needs nothing wants: somebody's secrets, files or words.
func (j *judge) mismatch() {
	for i, t := range j.stream.tokens {
		if t.of&(secret|talk|path|personal) == 0 || t.quoted {
			continue
		}
		around := j.sentence(i, i)
		if t.of&path != 0 || around&(you|every|read|send|must|put|person) != 0 {
			s := j.stream.texts[t.text]
			j.signal("mismatch", flagWeight, j.stream.nodes[t.text], excerpt(s, int(t.start), int(t.end)), messageOf("mismatch"))
			return
		}
	}
}

// aside looks for orders to take or pass on what is somebody's own, beside the task of a tool that is about nothing of the kind.
func (j *judge) aside() {
	const own = secret | path | talk
	if j.subject&(own|personal) != 0 || j.guard || j.files || j.stream.all&own == 0 {
		return
	}
	tokens := j.stream.tokens
	for i := range tokens {
		if !tokens[i].stop || tokens[i].quoted {
			continue
		}
		at := i
		for at < min(len(tokens)-1, i+3) && leads[j.stream.spelled(at)] {
			at++
		}
		if verb := tokens[at].of; verb&third != 0 || verb&(read|put|send|tell) == 0 || at > i && tokens[at].stop {
			continue
		}
		owned := at > i
		for n := at + 1; n < min(len(tokens), at+10) && !tokens[n].stop; n++ {
			if owned = owned || tokens[n].of&(person|every|you) != 0; owned && tokens[n].of&own != 0 {
				j.signals = append(j.signals, signal{"mismatch", nil, flagWeight, flagWeight, false, at, j.stream.nodes[tokens[at].text], j.stream.excerpt(at, n), messageOf("mismatch")})
				break
			}
		}
	}
}

// leads begin an order that comes on top of a task.
var leads = set("also then first always next additionally afterwards finally now please")
