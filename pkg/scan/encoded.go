package scan

import "strings"

// inner judges what was encoded. Where a whole text was decoded, original is that text, and only what decoding brought to light
// counts.
func (j *judge) inner(form, plain, original string, at int) {
	if j.depth >= maxDecode {
		return
	}
	inside := j.alone(plain)
	signals, total := inside.weightiest()
	for _, f := range inside.found {
		if f.Severity == Block {
			total += flagWeight
		}
	}
	about := inside.stream.all
	if original != "" && total < fewSigns && about&(path|steal|setting|shell) == 0 {
		return // what stood there before can only lessen it
	}
	if original != "" {
		outside := j.alone(original)
		_, before := outside.weightiest()
		total -= before
		about &^= outside.stream.all
	}
	if form == letters {
		if total >= flagWeight {
			j.find("encoded-instruction", at, escape(plain), "an instruction is hidden as "+form)
		}
		return
	}
	says := strings.Join(rulesOf(signals), ", ")
	switch {
	case total >= fewSigns && (original == "" || total >= flagWeight), about&(path|steal|setting) != 0, about&shell != 0 && (about&address != 0 || strings.ContainsAny(plain, "|/-(")):
		j.find("encoded-instruction", at, escape(plain), strings.TrimSuffix("an instruction is hidden as "+form+": "+says, ": "))
	case original == "" && len(inside.stream.tokens) >= fewWords && about&(read|put|send|call|ignore|tell|must|not|erase|change) != 0:
		j.find("encoded-text", at, escape(plain), "a sentence is hidden as "+form)
	}
}

// alone judges a text by itself, one decoding deeper.
func (j *judge) alone(s string) *judge {
	inside := &judge{doc: &document{nodes: []node{{parent: -1, index: -1}}, texts: []text{{s: s}}}, context: j.context, depth: j.depth + 1}
	inside.stream.tools, inside.stream.parameters = j.stream.tools, j.stream.parameters
	inside.texts()
	return inside
}

// fewSigns is what signs in an encoded text weigh to be told: that they were encoded is one itself.
const fewSigns = 20

// fewWords is how many words an encoded text has that is an example rather than a message.
const fewWords = 5
