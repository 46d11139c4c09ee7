package builtin

import (
	"bytes"
	"strings"
	"testing"
)

// What a model copies into a command is not escaped for HTML: not in reports, in texts, in errors or in definitions.
func TestNothingIsEscapedForHTML(t *testing.T) {
	const said = `say <b> && "x" > y`
	texts := []string{asText(Report{Config: said}), string(bytes.Join(Definitions(), nil))}
	for _, v := range []any{said, map[string]string{"text": said}} {
		b, err := encode(v)
		if err != nil || b[len(b)-1] == '\n' {
			t.Errorf("%q, %v", b, err)
		}
		texts = append(texts, string(b))
	}
	for _, failed := range []bool{true, false} {
		b, err := result(said, failed)
		if err != nil || strings.Contains(string(b), `"isError":true`) != failed {
			t.Errorf("%s, %v", b, err)
		}
		texts = append(texts, string(b))
	}
	for i, text := range texts {
		if strings.Contains(text, `\u00`) || i != 1 && !strings.Contains(text, `<b> && \"x\" > y`) {
			t.Errorf("%s", text)
		}
	}
	if _, err := encode(func() {}); err == nil {
		t.Error("a function is encoded")
	}
}
