package scan

import (
	"strings"
	"sync"
)

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
	normal                          // normal, regular, genuine
	steal                           // exfiltrate, steal
	operation                       // operation, request, task
	identifier                      // a word such as read_file
	foreignTool                     // the name of another server's tool
	foreignWord                     // a word of another language than English
	setting                         // a file that configures an agent: mcp.json
	approve                         // approve, trust
	mode                            // mode
	now                             // now
	keep                            // keep
	see                             // see, know, notice
	negligible                      // the, a, its: no pattern counts it as a step between
	third                           // the form that tells what someone else does: reads
	money                           // payment, transfer
	authority                       // compliance, security, mandatory check
	erase                           // delete, clear, remove
	trace                           // logs, history, evidence
	otherTool                       // a tool that is not this one: any tool, another tool
	obey                            // follow, obey
	threat                          // otherwise, fails, is denied
)

// lexeme lists words of one concept. Of verbs it has the base form; the others are made.
type lexeme struct {
	of           concept
	verbs, words string
}

var english = []lexeme{
	{before, "", "before prior"},
	{after, "", "after afterwards once following upon"},
	{when, "", "when whenever if while"},
	{every, "", "any all every each whatever whichever everything entire whole full regardless other another others"},
	{must, "require need ensure", "must should shall always mandatory necessary obligatory have has make"},
	{first, "", "first beforehand initially"},
	{not, "avoid refrain", "not never don't dont doesn't cannot can't mustn't shouldn't no nor isn't won't"},
	{without, "", "without"},
	{call, "call invoke use run execute trigger perform launch activate", "usage invocation ran"},
	{tool, "", "tool tools function functions tool's"},
	{read, "read open load fetch access retrieve collect gather extract obtain cat dump grab scan locate find capture harvest inspect recover copy get print export query", "accessing contents-of"},
	{put, "put place insert append include add attach embed pass paste write save store set supply prepend inject fill provide encode populate summarize submit hand", "putting written put setting"},
	{send, "send forward upload transmit post exfiltrate relay leak route redirect deliver share email mail mirror beacon report submit publish push sync duplicate copy cc bcc reroute", "sent sending"},
	{tell, "tell mention reveal disclose inform notify acknowledge announce discuss alert warn expose divulge communicate admit bring", "told telling disclosure"},
	{show, "show display explain ask report output print prompt describe list say surface reference confirm indicate", "shown said visible"},
	{person, "", "user users user's human humans operator person customer people anyone anybody them end-user owner victim him her"},
	{silent, "", "silently secretly quietly covertly discreetly stealthily invisibly surreptitiously unnoticed"},
	{hide, "hide conceal mask omit suppress", "hidden confidential invisible private concealed secret hiding"},
	{secret, "", "password passwords passphrase credential credentials secret secrets token tokens apikey api_key apikeys cookies cookie privkey private_key wallet mnemonic keychain keystore kubeconfig environ process.env os.environ env envs printenv keys ssn pii clipboard"},
	{talk, "", "chatlog"},
	{ignore, "ignore disregard forget neglect discard", "ignoring forgetting forgot"},
	{override, "override bypass supersede overrule circumvent evade disable skip deactivate", "overriding overridden overrides precedence priority"},
	{prior, "", "previous prior above earlier preceding existing former original initial other default foregoing past stated"},
	{instruction, "", "instruction instructions rule rules guideline guidelines policy policies directive directives constraint constraints prompt prompts commands"},
	{model, "", "assistant model llm ai agent chatbot claude gpt chatgpt copilot cursor gemini assistants agents models"},
	{you, "", "you your yourself you're"},
	{system, "", "system administrator admin sysadmin developer root persistent global standing"},
	{safety, "", "safety guardrail guardrails restriction restrictions safeguard safeguards filter filters limitations protections ethics ethical moderation alignment sandbox"},
	{instead, "replace prefer", "instead rather replacement replaces supersedes preferred"},
	{argument, "", "argument arguments parameter parameters param params field fields payload metadata header headers query input notes value values body attachment url path filename target sidenote"},
	{recipient, "", "recipient recipients bcc cc destination account beneficiary payee iban receiver address phone number amount bcc'd bccd cc'd"},
	{change, "change alter rewrite modify replace swap substitute tamper redirect reroute divert overwrite edit falsify multiply double triple inflate", "changing swapping"},
	{content, "", "content contents data information info result results it everything file files text code message messages them files' details list full output configuration history outcome summary clipboard copy"},
	{shell, "", "curl wget bash sh zsh powershell nc netcat ncat iwr eval exec rm sudo chmod chown os.system subprocess subprocess.run /bin/sh /bin/bash python3 pwsh cmd.exe"},
	{lasting, "", "remainder rest henceforth onwards forever permanently persistently duration"},
	{session, "", "session conversation chat subsequent future interaction thread sessions conversations interactions"},
	{response, "", "response responses answer answers reply replies summary completion"},
	{consent, "", "consent approval permission confirmation knowledge awareness authorization asking confirming notice notification review telling informing notifying prompting mentioning alerting warning interaction"},
	{detect, "detect flag prevent protect block sanitize redact mask guard defend", "detector detection scanner scans scanning phrase phrases pattern patterns example examples e.g such attack attacks attempts vulnerability vulnerabilities leaks leaked malicious suspicious injection injections string strings sample samples sentence sentences keyword keywords fixture fixtures corpus dataset classifier classify classifies classification label labels red-team adversarial jailbreak jailbreaks simulated simulates contains containing literal documentation document documents documenting"},
	{pretend, "pretend disguise present appear masquerade impersonate frame fake", "look seem act acting looks"},
	{normal, "", "normal normally regular usual ordinary legitimate standard genuine natural part benign routine though"},
	{steal, "exfiltrate steal leak harvest siphon keylog backdoor hijack intercept", "stolen exfiltration"},
	{operation, "", "operation operations action actions request requests task tasks message messages email emails transaction transactions step steps answer response invocation commit commits prompt question reply replies answers edit query queries email-sending purchase order booking deployment login"},
	{approve, "approve trust accept allow whitelist allowlist authorize", "auto-approve autoapprove always-allow alwaysallow auto-approved approved consented pre-approved preapproved"},
	{mode, "", "mode dan jailbroken unrestricted uncensored unfiltered"},
	{now, "", "now henceforth hereby"},
	{keep, "keep remain stay", "kept keep"},
	{see, "see know notice learn realize suspect observe", "aware seen known noticed noticing knowing seeing"},
	{negligible, "", "the a an its their his of this that these those and or also then please to in into on at via with as for by any's be is are it's using through under"},
	{money, "pay transfer wire purchase", "payment payments transfers invoice funds crypto bitcoin eth deposit transaction"},
	{authority, "authorize", "compliance security audit mandatory policy verification requirement required administrator official regulatory corporate legal integrity prerequisite protocol"},
	{erase, "delete erase wipe clear remove purge destroy", "deletion"},
	{threat, "fail reject refuse deny block terminate suspend corrupt", "otherwise failure invalid rejected denied failures penalty"},
	{obey, "obey follow comply adhere treat", "abide"},
	{trace, "", "log logs trace traces evidence history footprints"},
}

// englishPairs are concepts of two words.
var englishPairs = []lexeme{
	{secret, "", "environment variable|environment variables|env variables|env vars|env var|api key|api keys|ssh key|ssh keys|private key|private keys|secret key|secret keys|access key|access keys|access token|access tokens|auth token|session token|session tokens|login details|credit card|seed phrase|recovery phrase|aws keys|encryption keys|bearer token|database credentials"},
	{talk, "", "chat history|conversation history|conversation context|conversation so|chat log|chat logs|system prompt|system prompts|system message|available tools|tool list|tools list|previous messages|prior messages|user messages|entire conversation|whole conversation|full conversation|complete conversation|current conversation|every message|message history|session history|chain-of-thought|chain of|reasoning steps|user prompt|user prompts|user's prompt|original prompt|original query|tool definitions|tool results|context window|session context|conversation transcript|previous conversation|tool descriptions|recent messages|this conversation|the conversation|conversation data|user query|has said|user said|user says|user wrote|has told|tools available|your tools|this chat|our chat|your context|your memory|your instructions|your prompt|your configuration|user typed|been said"},
	{override, "", "takes precedence|take precedence|takes priority|take priority|overrides all|overrides any|higher priority|highest priority"},
	{without, "", "with no"},
	{must, "", "make sure|has to|have to|need to|needs to"},
	{lasting, "", "from now|going forward|each subsequent|all subsequent|all future|every future|any future|every subsequent|any subsequent|until further|on subsequent|subsequent calls|subsequent invocations|subsequent uses|after first|future calls|future invocations"},
	{silent, "", "behind the|the background|in secret"},
	{detect, "", "looks for|searches for|look for"},
	{see, "", "be aware|find out"},
	{instruction, "", "were told|been told|was told|you know"},
	{override | instruction, "", "hidden instruction|hidden instructions|secret instruction|secret instructions|new instructions|new instruction|updated instructions|real instructions|actual instructions|true instructions|following instructions override"},
	{override, "", "not apply|longer apply|longer valid|longer applies|not applicable|longer binding"},
	{ignore, "", "stop following|stop obeying|pay no|do not follow|not follow|don't follow|not obey"},
	{hide, "", "to yourself"},
	{path, "", "ssh id|id ed25519|id rsa|aws credentials|ssh config|etc passwd|etc shadow|env file|dotenv file|ssh directory|ssh folder|ssh keys"},
	{every, "", "no matter"},
	{content, "", "directory listing|home directory|working directory|file listing"},
	{mode | override, "", "god mode|sudo mode|developer mode|maintenance mode|admin mode|administrator mode|unrestricted mode|jailbreak mode|root mode|override mode|elevated privileges|full privileges|root privileges|admin privileges|system override|admin override|administrative access|admin access|root access|unrestricted access|administrator access"},
	{override, "", "new task|new role|new goal|new objective|new purpose|new identity|new directive|new mission|new rules"},
	{authority | operation, "", "security check|compliance check|integrity check|safety check|security verification|security validation|security scan|security audit|permission check|privilege check|environment check|license check|authorization check|authentication check|compliance verification|identity verification|integrity verification|security protocol|security policy|security requirement|compliance requirement"},
	{instead, "", "in place|in lieu|over other"},
	{now, "", "from now"},
	{you | now, "", "you are|you're now"},
	{pretend, "", "as if|as though|looks like|look like|pass off|so that"},
	{steal, "", "reverse shell"},
	{approve | consent, "", "already approved|already consented|already agreed|already authorized|already confirmed|already granted|already given|pre authorized"},
	{approve, "", "auto approve|tools autoapprove"},
	{response, "", "final answer"},
}

// vocabulary maps words to what they are about. It is made when it is first needed, so that no start pays for it.
type vocabulary struct {
	words, pairs map[string]concept
	opens        map[string]bool // words that begin a pair
	stems        map[string]concept
	phrases      map[rune][]phrase // of scripts that put no space between words
}

var lexicon = sync.OnceValue(func() *vocabulary {
	v := &vocabulary{words: make(map[string]concept, 2048), pairs: map[string]concept{}, opens: map[string]bool{}, stems: map[string]concept{}, phrases: map[rune][]phrase{}}
	for _, l := range english {
		for verb := range strings.FieldsSeq(l.verbs) {
			for i, form := range inflect(verb) {
				v.words[form] |= l.of
				if i == 1 {
					v.words[form] |= third
				}
			}
		}
		for word := range strings.FieldsSeq(l.words) {
			v.words[word] |= l.of
		}
	}
	for _, l := range englishPairs {
		for pair := range strings.SplitSeq(l.words, "|") {
			v.pairs[pair] |= l.of
			opener, _, _ := strings.Cut(pair, " ")
			v.opens[opener] = true
		}
	}
	v.addLanguages()
	return v
})

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
var doubles = map[string]bool{"run": true, "get": true, "put": true, "set": true, "scan": true, "grab": true, "submit": true, "transmit": true, "forget": true, "swap": true, "flag": true, "commit": true, "admit": true, "omit": true, "cc": false}
