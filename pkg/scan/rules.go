package scan

// Rule is one thing that Scan looks for.
type Rule struct {
	ID       string   `json:"id"`
	Severity Severity `json:"severity"` // what it has at most
	Meaning  string   `json:"meaning"`
}

// Rules are all rules, in the order of their gravity.
var Rules = []Rule{
	{"hidden-tags", Block, "Tag characters (U+E0000 to U+E007F) outside a flag: invisible text that models read."},
	{"bidi-control", Block, "Bidirectional embeddings, overrides or isolates: text is shown in another order than it is read."},
	{"variation-selectors", Block, "Variation selectors where nothing varies, or several in a row: they can carry bytes."},
	{"terminal-escape", Block, "Escape sequences for a terminal (ECMA-48): they can erase or rewrite what is shown."},
	{"control-character", Block, "Control characters other than tab and line break."},
	{"invisible", Block, "Zero-width or other invisible characters where no script needs them."},
	{"private-use", Block, "Private-use characters: their meaning is the writer's."},
	{"encoded-instruction", Block, "An instruction to the model in base64, hexadecimal, percent-encoding, entities, escapes, ROT13, reversed or spelled by invisible characters."},
	{"own-tool", Block, "The proxy's own tools for managing and approving servers are named."},
	{"server-lookalike", High, "The server's name looks like another server's (UTS #39, or one slip apart)."},
	{"tool-lookalike", High, "The name looks like another server's tool and is not it (UTS #39)."},
	{"combining-flood", High, "More combining marks than any script writes."},
	{"malformed", High, "The definition is not JSON."},
	{"too-deep", High, "The definition is nested more than 64 levels deep."},
	{"not-unicode", Medium, "A string is invalid UTF-8 or has half a surrogate pair."},
	{"encoded-text", Medium, "A sentence is encoded, though it says nothing that is known to be hostile."},
	{"invisible-few", Medium, "One or two soft hyphens, or marks of direction in a text of one direction."},
	{"read-only-hint", Low, "readOnlyHint is set, and the name begins with a verb of change."},
	{"odd-name", Low, "A name has characters outside A-Z a-z 0-9 _ . - or is longer than 128."},
	{"override", Block, "Earlier instructions, rules or the user's wishes shall not count."},
	{"secrecy", Block, "The user shall not be told, or something is to be done unnoticed."},
	{"disguise", Block, "Something is to be presented as what it is not."},
	{"consent", Block, "The user's approval is to be skipped, or is claimed."},
	{"secret-read", Block, "Keys, passwords, environment variables or the files that hold them are to be read or passed on."},
	{"conversation-read", Block, "The conversation, the system prompt or the list of tools is to be passed on."},
	{"send-out", Block, "Something is to be sent to an address that is written there."},
	{"argument-rewrite", Block, "Arguments, recipients or results of other calls are to be changed."},
	{"hook", Block, "It wants to act when other tools are used, or names another server's tool."},
	{"prerequisite", Block, "Something that has nothing to do with the task is to be done first."},
	{"threat", Block, "It threatens with failure when its orders are not followed."},
	{"priority", Block, "It claims precedence over other tools or instructions."},
	{"persistence", Block, "It gives orders for the rest of the session."},
	{"delayed", Block, "Its behaviour changes once it is approved or was used."},
	{"false-authority", Block, "It speaks as the system, a policy or an administrator."},
	{"shell", Block, "A program is to be fetched and run."},
	{"settings", Block, "Files that configure an agent or a shell are to be changed."},
	{"traces", Block, "Logs or histories are to be deleted."},
	{"answers", Block, "What the model says is to be changed."},
	{"hidden-block", Block, "Markup sets a part apart for the model."},
	{"comment", Block, "A comment, which rendered text does not show."},
	{"whitespace-push", Block, "Much white space pushes text out of sight."},
	{"mixed-scripts", Block, "Letters of other scripts stand for Latin ones within words."},
	{"styled-letters", Block, "Mathematical, fullwidth or enclosed letters stand for plain ones in a text of Latin letters."},
	{"leetspeak", Block, "Digits stand for letters in several words."},
	{"spaced-letters", Block, "Words are spelled with spaces between their letters."},
	{"mismatch", Block, "A tool whose task needs nothing else wants secrets, files or what was said."},
	{"greedy-parameter", Block, "A parameter asks for what the model was told."},
}

func ruleOf(id string) Rule {
	for _, r := range Rules {
		if r.ID == id {
			return r
		}
	}
	return Rule{ID: id}
}

func severityOf(id string) Severity { return ruleOf(id).Severity }

func messageOf(id string) string { return ruleOf(id).Meaning }
