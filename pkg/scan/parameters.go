package scan

import "strings"

// parameters looks for parameters whose names ask for more than a tool needs, and for names of the proxy's own tools.
func (j *judge) parameters() {
	for i := range j.doc.texts {
		t := &j.doc.texts[i]
		if t.key && j.doc.under(t.node, "properties") {
			if asks[strings.ReplaceAll(strings.ToLower(t.s), "-", "_")] {
				j.signal("greedy-parameter", 30, t.node, escape(t.s), "the parameter asks for what the model was told, not for what the tool needs")
			}
		}
		if !t.key && len(t.s) > 9 {
			for _, own := range ownTools {
				if at := strings.Index(t.s, own); at >= 0 {
					j.find("own-tool", t.node, excerpt(t.s, at, at+len(own)), "it speaks of the proxy's own tool "+own+", with which servers are managed and approved")
				}
			}
		}
	}
}

var ownTools = []string{"upstream_servers", "quarantine_review", "quarantine_approve"}

var asks = map[string]bool{"sidenote": true, "side_note": true, "sidenotes": true, "conversation_history": true, "chat_history": true, "full_conversation": true, "conversation_context": true, "system_prompt_content": true, "model_context": true, "previous_messages": true,
	"all_messages": true, "available_tools": true, "tools_list": true, "tool_list": true, "full_context": true, "chain_of_thought": true, "user_secrets": true, "env_vars_dump": true, "environment_dump": true, "ssh_key_content": true, "file_contents_of_ssh": true,
	"conversation_transcript": true, "session_history": true, "message_history": true, "conversation_id_history": true, "original_prompt": true, "tool_call_history": true}
