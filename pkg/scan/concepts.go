package scan

import "strings"

// concept is what a word is about, as a bit, so that a pattern asks for several at once.
type concept uint64

const (
	before      concept = 1 << iota // before, prior to
	after                           // after, once
	when                            // when, whenever, if
	every                           // any, all, every
	must                            // must, always, required
	first                           // first, beforehand
	not                             // not, never
	without                         // without
	call                            // call, use, run
	tool                            // tool, function
	read                            // read, open, collect
	put                             // put, include, append, pass
	send                            // send, forward, upload
	tell                            // tell, mention, disclose
	show                            // show, ask, report: what tools do as well
	person                          // user, human
	silent                          // silently, covertly
	hide                            // hide, conceal; hidden, confidential
	path                            // a file that holds secrets: ~/.ssh/id_rsa, .env
	secret                          // password, token, environment variables
	talk                            // the conversation, the system prompt, the list of tools
	ignore                          // ignore, disregard
	override                        // override, bypass, supersede
	prior                           // previous, earlier, above
	instruction                     // instructions, rules, policy
	model                           // assistant, model, agent
	you                             // you, your
	system                          // system, administrator, developer
	safety                          // safety, guardrails, restrictions
	instead                         // instead, rather, replaces
	argument                        // argument, parameter, field
	recipient                       // recipient, bcc, destination, account
	change                          // change, replace, modify
	content                         // content, result, data
	address                         // a URL, e-mail address, number of an account, /tmp
	shell                           // curl, bash, sh
	lasting                         // remainder, henceforth
	session                         // session, conversation; subsequent, future
	response                        // response, answer
	consent                         // consent, approval, knowledge
	detect                          // detect, flag, scan for
	pretend                         // pretend, disguise
	normal                          // normal, genuine; a success
	steal                           // exfiltrate, steal
	operation                       // operation, request, task
	identifier                      // a word such as read_file
	foreignTool                     // the name of another server's tool
	foreignWord                     // a word of another language than English
	setting                         // a file that configures an agent: mcp.json
	approve                         // approve, trust
	best                            // best, fastest, trusted
	poor                            // deprecated, insecure, broken
	keep                            // keep
	see                             // see, know, notice
	negligible                      // the, a, its: no pattern counts it as a step between
	third                           // the form that tells what someone else does: reads
	personal                        // a person's contacts, photos, date of birth
	authority                       // compliance, security, mandatory check
	erase                           // delete, clear, remove
	trace                           // logs, history, evidence
	otherTool                       // a tool that is not this one: any tool, another tool
	obey                            // follow, obey
	threat                          // otherwise, fails, is denied
	despite                         // regardless, whatever, even if
)

// conceptNames are the names of the concepts in vocabulary.txt, in the order of their bits.
const conceptNames = "before after when every must first not without call tool read put send tell show person silent hide path " +
	"secret talk ignore override prior instruction model you system safety instead argument recipient change content address " +
	"shell lasting session response consent detect pretend normal steal operation identifier foreignTool foreignWord setting " +
	"approve best poor keep see negligible third personal authority erase trace otherTool obey threat despite"

// inflect returns the forms of a verb: base, third person, -ing, -ed. Irregular ones stand in the lists.
func inflect(verb string) []string {
	stem, third := verb, verb+"s"
	switch last := verb[len(verb)-1]; {
	case strings.HasSuffix(verb, "ss") || strings.HasSuffix(verb, "sh") || strings.HasSuffix(verb, "ch") || last == 'x':
		third = verb + "es"
	case last == 'y' && !strings.ContainsRune("aeou", rune(verb[len(verb)-2])):
		third = verb[:len(verb)-1] + "ies"
		return []string{verb, third, verb + "ing", verb[:len(verb)-1] + "ied"}
	case last == 'e':
		stem = verb[:len(verb)-1]
	case doubles[verb]:
		stem = verb + verb[len(verb)-1:]
	}
	return []string{verb, third, stem + "ing", stem + "ed"}
}

// doubles are the verbs that double their last letter.
var doubles = set("run get put set scan grab submit transmit forget swap flag commit admit omit")
