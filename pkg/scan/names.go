package scan

import (
	"fmt"
	"strings"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/confusables"
)

// names compares names with those of other servers.
func (j *judge) names(item Item) {
	for i := range j.doc.texts {
		t := &j.doc.texts[i]
		if n := j.doc.nodes[t.node]; !t.key && n.depth == 1 && (n.key == "name") {
			if !nameAllowed(t.s) {
				j.find("odd-name", t.node, escape(t.s), "the name has characters outside A-Z a-z 0-9 _ . - or is longer than 128")
			}
			break
		}
	}
	verb, _, _ := strings.Cut(strings.NewReplacer("-", "_", ".", "_").Replace(strings.ToLower(item.Name)), "_")
	if j.doc.reads > 0 && changes[verb] {
		j.find("read-only-hint", j.doc.reads, escape(item.Name), "it says that it only reads; its name says otherwise")
	}
	if other := j.near(); other != "" {
		j.find("server-lookalike", 0, escape(j.context.Server), fmt.Sprintf("its server's name looks like that of %s", escape(other)))
	}
	if plainASCII(item.Name) {
		return
	}
	for _, peer := range j.context.Others {
		for _, tool := range peer.Tools {
			if tool != item.Name && confusables.Skeleton(tool) == confusables.Skeleton(item.Name) {
				j.find("tool-lookalike", 0, escape(item.Name), fmt.Sprintf("the name looks like %s of %s", escape(tool), escape(peer.Server)))
			}
		}
	}
}

// changes are verbs of what does not only read.
var changes = map[string]bool{"delete": true, "remove": true, "drop": true, "write": true, "create": true, "update": true, "send": true, "execute": true, "exec": true, "run": true, "kill": true, "move": true, "upload": true, "set": true, "insert": true}

func nameAllowed(s string) bool {
	if len(s) < 1 || len(s) > 128 {
		return false
	}
	for i := range len(s) {
		if c := s[i]; !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '.' || c == '-') {
			return false
		}
	}
	return true
}

// greedy looks at the name of a parameter, which may ask for more than a tool needs.
func (j *judge) greedy(t *text) {
	if j.plain && j.doc.under(t.node, "properties") {
		p := stream{}
		p.add(strings.NewReplacer("_", " ", "-", " ").Replace(strings.ToLower(t.s)), 0)
		if p.all&(secret|talk|path|personal) != 0 && len(p.tokens) > 1 {
			j.signal("mismatch", flagWeight, t.node, escape(t.s), messageOf("mismatch"))
		}
	}
	if j.doc.under(t.node, "properties") && asks[strings.ReplaceAll(strings.ToLower(t.s), "-", "_")] {
		j.signal("greedy-parameter", 30, t.node, escape(t.s), "the parameter asks for what the model was told, not for what the tool needs")
	}
}

// ownTools looks for the names of the proxy's own tools.
func (j *judge) ownTools(t *text) {
	for _, own := range ownTools {
		if at := strings.Index(t.s, own); at >= 0 {
			j.find("own-tool", t.node, excerpt(t.s, at, at+len(own)), "it speaks of the proxy's own tool "+own+", with which servers are managed and approved")
		}
	}
}

var ownTools = []string{"upstream_servers", "quarantine_review", "quarantine_approve", "quarantine_reject", "oauth_login", "oauth_status", "oauth_logout"}

var asks = map[string]bool{"sidenote": true, "side_note": true, "sidenotes": true, "conversation_history": true, "chat_history": true, "full_conversation": true, "conversation_context": true, "system_prompt_content": true, "model_context": true, "previous_messages": true,
	"all_messages": true, "available_tools": true, "tools_list": true, "tool_list": true, "full_context": true, "chain_of_thought": true, "user_secrets": true, "env_vars_dump": true, "environment_dump": true, "ssh_key_content": true, "file_contents_of_ssh": true,
	"conversation_transcript": true, "session_history": true, "message_history": true, "conversation_id_history": true, "original_prompt": true, "tool_call_history": true}

// preset looks at the value that a parameter has unless it is given: an address that messages or money go to, or a file that holds secrets.
func (j *judge) preset(t *text, plain string) {
	n := j.doc.nodes[t.node]
	if t.key || n.key != "default" && n.key != "const" || n.parent < 0 || !j.doc.under(n.parent, "properties") {
		return
	}
	parameter := strings.ToLower(j.doc.nodes[n.parent].key)
	of := literal(strings.TrimSpace(plain))
	switch name, _ := apart(parameter); {
	case of&address != 0 && recipients[bare(parameter)]:
		j.signal("argument-rewrite", flagWeight, t.node, escape(t.s), "who receives it is set beforehand, though nobody said so")
	case of&path != 0 && !j.files && j.subject&(secret|path) == 0 && !keeps(name):
		j.signal("secret-read", flagWeight, t.node, escape(t.s), "a file that holds secrets is read unless another is named")
	}
}

// keeps tells whether a parameter is about such files by its own name: identity_file, config.
func keeps(name string) bool {
	for _, part := range []string{"key", "ident", "cred", "conf", "env", "ssh", "auth", "secret", "token", "cert", "setting", "profile"} {
		if strings.Contains(name, part) {
			return true
		}
	}
	return false
}

var recipients = set("bcc cc recipient recipients beneficiary payee iban account destinationaccount toaccount forwardto copyto replyto wallet walletaddress payto sendto")
