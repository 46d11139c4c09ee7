package builtin

import (
	"bytes"
	"encoding/json"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/confusables"
)

// encode is json.Marshal without the escapes for HTML: a model reads an escape of > as it stands, and copies it into commands.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// result is the result of a call. mcp-go's own type would escape the text for HTML.
func result(text string, failed bool) ([]byte, error) {
	type content struct {
		Type string `json:"type"`
		Text string `json:"text"`
	}
	return encode(struct {
		Content []content `json:"content"`
		IsError bool      `json:"isError,omitempty"`
	}{[]content{{"text", confusables.PlainLines(text)}}, failed})
}
