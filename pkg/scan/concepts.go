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

// lexeme lists words of one concept. Of verbs it has the base form; the others are made.
type lexeme struct {
	of           concept
	verbs, words string
}

var english = []lexeme{
	{before, "", "before prior ahead until preceding"},
	{after, "", "after afterwards once following upon upon later"},
	{when, "", "when whenever if while during as-soon-as anytime"},
	{every, "", "any all every each everything entire whole full other another others everyone irrespective anything"},
	{must, "require need ensure oblige instruct", "must should shall always mandatory necessary obligatory have has compulsory kindly strictly needs needed ought imperative crucial essential vital important"},
	{first, "", "first beforehand initially start begin beginning starting ahead step"},
	{not, "avoid refrain", "not never don't dont mustn't shouldn't nor needn't nobody none nothing neither"},
	{without, "", "without"},
	{call, "call invoke use run execute trigger perform launch activate consult chain download install start restart switch delegate carry", "usage invocation ran calling call's"},
	{tool, "", "tool tools function functions tool's plugin plugins server's"},
	{read, "read open load fetch access retrieve collect gather extract obtain cat dump grab scan locate find capture harvest inspect recover copy obtain list harvest lookup learn query reveal get export zip archive record", "accessing contents-of"},
	{put, "place insert append include add attach embed pass paste write save store set supply prepend inject fill provide encode populate summarize hand give deliver prefix prefill fold contain carry load put submit register wrap precede", "putting written put setting gave"},
	{send, "send forward upload transmit post exfiltrate relay leak route redirect deliver share email mail mirror beacon report submit publish push sync duplicate copy cc bcc reroute ship hand return wire disclose whisper wrap feed steer", "sent sending handed"},
	{tell, "tell mention reveal disclose inform notify acknowledge announce discuss alert warn expose divulge communicate admit bring bring mention admit say hint explain raise flag", "told telling disclosure talk speak said brought mention"},
	{show, "show display explain ask report output print prompt describe list say surface reference confirm indicate claim state repeat echo recite relay answer render output", "shown said visible asking told typed wanted wants asked said says wrote requested"},
	{person, "", "user users user's human humans operator person customer people anyone anybody end-user owner victim somebody someone customer's readers humans nobody-else user-visible client's"},
	{silent, "", "silently secretly quietly covertly discreetly stealthily invisibly surreptitiously unnoticed unbeknownst undetected unseen unannounced secretively under-the-radar"},
	{hide, "hide conceal mask suppress bury withhold shield", "hidden confidential invisible concealed secret hiding unmentioned off-record"},
	{secret, "", "password passwords passphrase credential credentials secret secrets token tokens apikey api_key apikeys cookies cookie privkey private_key wallet mnemonic keychain keystore kubeconfig environ process.env os.environ env envs printenv keys ssn pii clipboard logins cvc"},
	{talk, "", "chatlog transcript transcripts dialogue chatlogs prompts"},
	{ignore, "ignore disregard forget neglect discard abandon dismiss discard", "ignoring forgetting forgot forget void"},
	{override, "override bypass supersede overrule circumvent evade disable skip deactivate suspend lift void outrank", "overriding overridden overrides outdated obsolete withdrawn void nullified"},
	{prior, "", "previous prior above earlier preceding existing former original initial foregoing developer's previously before remaining"},
	{instruction, "", "instruction instructions rule rules guideline guidelines policy policies directive directives constraint constraints prompt prompts commands guidance directions orders order command persona restrictions"},
	{model, "", "assistant model llm ai agent chatbot claude gpt chatgpt copilot cursor gemini assistants agents models llms ais claude's bots model's assistant's subagents sub-agents caller callers"},
	{you, "", "you your yourself you're"},
	{system, "", "system administrator admin sysadmin developer root persistent global standing"},
	{safety, "", "safety guardrail guardrails restriction restrictions safeguard safeguards protections ethics ethical moderation alignment sandbox firewall antivirus"},
	{instead, "replace prefer choose select pick favour favor prioritise prioritize", "instead rather replacement replaces supersedes preferred exclusively alternative rather"},
	{argument, "", "argument arguments parameter parameters param params field fields payload metadata header headers query input notes value values body attachment url path filename target sidenote property inputs hints subject headers' ctx context list"},
	{recipient, "", "recipient recipients bcc cc destination account beneficiary payee iban receiver address phone number amount bcc'd bccd cc'd attendee attendees guest to-field wallet receiver accounts beneficiaries branch bucket"},
	{change, "change alter rewrite modify swap substitute tamper redirect reroute divert overwrite move edit falsify multiply double triple inflate adjust increase raise decrease lower extend exchange correct force shift prepend append replace modify rewrite rank set", "changing swapping swapped"},
	{content, "", "content contents data information info result results it everything file files text code message messages them files' details list full output configuration history outcome summary clipboard copy balance findings numbers value"},
	{shell, "", "curl wget bash sh zsh powershell nc netcat ncat iwr eval exec rm sudo chmod chown os.system subprocess subprocess.run /bin/sh /bin/bash python3 pwsh cmd.exe pip npx ssh git.sh setup.sh install.sh script scripts.sh netcat -rf --no-verify reboot binary executable telnet scp"},
	{lasting, "", "remainder rest henceforth onwards forever permanently persistently indefinitely always-on ongoing"},
	{session, "", "session conversation chat subsequent future interaction sessions conversations interactions turn turns chats"},
	{response, "", "response responses answer answers reply replies summary completion"},
	{consent, "", "consent approval permission confirmation knowledge awareness authorization asking confirming notification review telling informing notifying prompting mentioning alerting waiting checking questioning hesitation questions permissions ok dialog"},
	{detect, "detect flag prevent protect block sanitize redact mask guard defend", "detector detection scanner scans scanning phrase phrases pattern patterns example examples e.g such attack attacks attempts vulnerability vulnerabilities leaks leaked malicious suspicious injection injections string strings sample samples sentence sentences keyword keywords fixture fixtures corpus dataset classifier classify classifies classification label labels red-team adversarial jailbreak jailbreaks simulated simulates contains containing literal documentation document documents documenting"},
	{pretend, "pretend disguise present appear masquerade impersonate frame fake claim lie invent fabricate assert insist deny", "seem act acting plausible"},
	{normal, "", "normal normally regular usual ordinary legitimate standard genuine natural benign routine success successful successfully succeeded worked completed passed fine ok okay harmless confirmed safe clean positive no-problems"},
	{steal, "exfiltrate steal harvest siphon keylog backdoor hijack intercept intercept siphon dump leak", "stolen exfiltration"},
	{operation, "", "operation operations action actions request requests task tasks transaction transactions response invocation commit commits question replies answers edit queries email-sending purchase order booking deployment login payment payments payment's funds transfers invoice invoices questions transfer purchases bookings replying responding answering writing reading message messages email emails mail mails query step steps answer reply prompt conversation merge tests files"},
	{approve, "approve trust whitelist allowlist authorize agree grant permit sign accept allow", "auto-approve autoapprove always-allow alwaysallow auto-approved approved consented pre-approved preapproved"},
	{keep, "remain stay leave", "kept keep keep leave left"},
	{see, "see notice learn realize suspect observe spot detect know consider", "aware seen known noticed noticing knowing seeing"},
	{override | safety, "", "dan jailbroken unrestricted uncensored unfiltered"},
	{not | third, "", "doesn't isn't cannot can't won't no aren't wasn't"},
	{third, "", "does is are was were has will would could may might been"},
	{lasting, "", "henceforth"},
	{best, "", "best fastest superior accurate trusted certified official strongest only recommended top ultimate smartest safest rewarded win approved secure"},
	{poor, "", "deprecated outdated insecure unsafe broken unreliable obsolete inferior inaccurate wrong untrusted legacy fabricated incorrect unsupported violation violates avoided disabled"},
	{personal, "", "mailbox inbox contacts address-book birthday salary photos microphone location iban bank browsing emails mails recording recordings wallet age"},
	{despite, "", "whenever possible|always and|even those|regardless whatever irrespective whichever"},
	{otherTool | tool, "", "competing competitor competitors alternatives rivals rival"},
	{negligible, "", "the a an its their his of this that these those and or also then please to in into on at via with as for by any's be is are it's using through under"},
	{authority, "authorize", "compliance security audit mandatory policy verification administrator official regulatory corporate legal integrity prerequisite protocol certified telemetry quality diagnostics licence license billing debugging fraud gdpr regulations regulation law precondition pre-flight preflight clearance attestation required requirement"},
	{erase, "delete erase wipe clear remove purge destroy", "deletion"},
	{threat, "fail reject refuse deny block terminate suspend corrupt drop break crash discard", "otherwise failure invalid rejected denied failures penalty unreliable error errors violation weaknesses problems warnings warning vulnerabilities"},
	{obey, "obey follow comply adhere treat heed", "abide obediently unquestioningly strictly"},
	{trace, "", "log logs trace traces evidence history footprints record records mention paragraph"},
}

// englishPairs are concepts of two words.
var englishPairs = []lexeme{
	{secret, "", "environment variable|environment variables|env variables|env vars|env var|api key|api keys|ssh key|ssh keys|private key|private keys|secret key|secret keys|access key|access keys|access token|access tokens|auth token|session token|session tokens|login details|credit card|seed phrase|recovery phrase|aws keys|encryption keys|bearer token|database credentials"},
	{talk, "", "the chat|user's words|last file|user request|user requests|each request|previous calls|tool calls|conversation history|conversation context|conversation so|chat log|chat logs|system prompt|system prompts|system message|available tools|tool list|tools list|previous messages|prior messages|user messages|entire conversation|whole conversation|full conversation|complete conversation|current conversation|every message|message history|session history|chain-of-thought|chain of|reasoning steps|user prompt|user prompts|user's prompt|original prompt|original query|tool definitions|tool results|context window|session context|conversation transcript|previous conversation|tool descriptions|recent messages|this conversation|the conversation|conversation data|user query|has said|user said|user says|user wrote|has told|tools available|your tools|this chat|our chat|your context|your memory|your instructions|your prompt|your configuration|user typed|been said|told you|tells you|everything that|far in|messages exchanged|full prompt|previous turns|your context|our conversation|last message|user's messages|full dialogue|full transcript|your reasoning|private chats|user's query|user's request|private messages|and tools|the transcript|the dialogue|you know|your prompts|hidden prompt|initial prompt"},
	{override, "", "takes precedence|take precedence|takes priority|take priority|overrides all|overrides any|higher priority|top priority|come before"},
	{override | best, "", "highest priority|absolute priority"},
	{safety, "", "two-factor authentication|content filter|content filters|safety filter|safety filters|safety limits|safety layer|user's limits"},
	{without, "", "with no"},
	{must, "", "should be|shall be|must be|needed to|has to|have to|need to|needs to"},
	{lasting, "", "from now|from here|coming sessions|other chats|for good|further turn|next time|all sessions|every session|each session|new session|every turn|each turn|long-term memory|every conversation|each conversation|conversation ends|session ends|whole session|entire session|any summary|going forward|each subsequent|all subsequent|all future|every future|any future|every subsequent|any subsequent|until further|on subsequent|subsequent calls|subsequent invocations|subsequent uses|after first|future calls|future invocations"},
	{silent, "", "behind the|in secret|in private|the radar"},
	{silent | hide, "", "say nothing|keep quiet|stay silent|remain silent|keep silent|nobody notices|nobody sees|nobody knows|no mention|no trace|no traces|between you|stay quiet|leave no|left unmentioned|not drawing|drawing the|keeping quiet"},
	{not, "", "no reason|no need|not necessary|not needed|isn't necessary|unnecessary to"},
	{despite, "", "whenever possible|always and|even those|no matter|even if|even when|even though|each time|at all|in all|without exception|no exception|in any"},
	{must, "", "is to|are to|are asked|is asked|are expected|is expected|is obliged|are obliged|agrees to|asked to|wants you|be sure|certain that|it is|job is|remember to|supposed to"},
	{first, "", "the beginning|the start|step 0|start here|start by|start with|starting point|up front"},
	{not | approve, "", "never ask|don't ask|dont ask|not ask|not wait|without waiting|without asking|without checking|no questions|don't bother|not bother|never wait|without questioning|no confirmation|no approval|don't wait"},
	{tool | otherTool, "", "other servers|another server|other server|other tools|another tool|any tool|all tools|other tool|each tool|every tool|another one|other ones|built-in search|alternative tools|any server|builtin tools"},
	{personal, "", "phone book|health records|medical records|personal details|database dump|customer table|user table|credit card|card number|bank account|social security|home address|full name|browsing history|browser history|browser profile|personal data|birth date|contact list|phone book|source code|all files|every file|open file|working directory|home directory|recent emails|personal information|email address|email addresses|phone number|usage data|stored passwords|machine id|running processes|host name"},
	{detect, "", "looks for|searches for|look for"},
	{see, "", "be aware|find out"},
	{instruction | prior, "", "were told|been told|was told|above this|everything above|told before|said before|above line|far told|told so|were given|were you"},
	{override | instruction, "", "take orders|takes orders|not bound|longer bind|bind you|your orders|orders from|work for|hidden instructions|secret instruction|secret instructions|new instructions|new instruction|updated instructions|real instructions|actual instructions|true instructions|following instructions override"},
	{override, "", "not apply|longer apply|longer valid|longer applies|not applicable|longer binding"},
	{ignore, "", "set aside|put aside|not listen|no longer|not consider|not trust|not question|never question|stop following|stop obeying|pay no|do not follow|not follow|don't follow|not obey|never follow|never obey|not heed|never heed|not comply|never comply"},
	{hide, "", "to yourself|it from|this from|that from|left out|leave out|filter out|play down"},
	{path, "", "ssh id|id ed25519|id rsa|aws credentials|ssh config|etc passwd|etc shadow|env file|dotenv file|ssh directory|ssh folder|ssh keys"},
	{content, "", "directory listing|home directory|working directory|file listing"},
	{override | safety, "", "god mode|sudo mode|developer mode|maintenance mode|admin mode|administrator mode|unrestricted mode|jailbreak mode|root mode|override mode|elevated privileges|full privileges|root privileges|admin privileges|system override|admin override|administrative access|admin access|root access|unrestricted access|administrator access"},
	{override, "", "new task|new role|new goal|new objective|new purpose|new identity|new directive|new mission|new rules|new assignment|new priority|real job|real task|actual task|new system|prompt update|new persona"},
	{authority | operation, "", "security check|compliance check|integrity check|safety check|security verification|security validation|security scan|security audit|permission check|privilege check|environment check|license check|authorization check|authentication check|compliance verification|identity verification|integrity verification|security protocol|security policy|security requirement|compliance requirement"},
	{setting, "", "client's settings|agent's config|agent config|cron entry|git hook|commit hook|cursor rule|copilot instructions|memory store|npm's registry|permissions prompt|auto run|trusted servers"},
	{instead, "", "its place|over any|over the|in preference|in place|in lieu|over other"},
	{pretend, "", "are now|you're now|no longer|act as|role of|persona of"},
	{pretend, "", "as if|as though|looks like|look like|pass off|so that"},
	{steal, "", "reverse shell"},
	{address, "", "external endpoint|external server|external service|external url|external host|external address|remote endpoint|remote server|remote host|analytics endpoint|analytics server|logging endpoint|tracking server|outside server|our server|our endpoint|attacker's server|attacker's collector|collection server|collection endpoint|third party|third parties"},
	{talk, "", "user typed|user said|user wrote|they typed|whole chat|full chat|entire chat|chat so|our chat|this chat"},
	{secret, "", "process environment|every variable|shell history|browser cookies|saved passwords|password file|passwords file"},
	{approve | consent, "", "said yes|already yes"},
	{override, "", "turn off|turns off|switch off|switches off|turned off|switched off"},
	{lasting, "", "point on|this point|even after"},
	{after | lasting, "", "third call|second call|fifth call|few calls|several calls|third use|second use|tenth call|some calls"},
	{first, "", "end with|ends with|close with|closes with|finish with|begin with"},
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
