package config

import (
	"strings"
	"testing"
)

// Whatever is written that is not understood asks for more, not for less.
func TestApprovalConfirm(t *testing.T) {
	for text, want := range map[string]string{
		`{}`:                                ConfirmTerminal,
		`{"approval_confirm": "terminal"}`:  ConfirmTerminal,
		`{"approval_confirm": "desktop"}`:   ConfirmDesktop,
		`{"approval_confirm": "Desktop"}`:   "error",
		`{"approval_confirm": "polkit"}`:    "error",
		`{"approval_confirm": true}`:        "error",
		`{"approval_confirm": ["desktop"]}`: "error",
	} {
		c, err := Parse("/c.json", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		got := c.ApprovalConfirm
		if want == "error" {
			if got != ConfirmDesktop || len(c.Problems) != 1 || !strings.Contains(c.Problems[0].Message, "approval_confirm") {
				t.Errorf("%s: %s, %v", text, got, c.Problems)
			}
		} else if got != want || len(c.Problems) > 0 {
			t.Errorf("%s: %s, %v", text, got, c.Problems)
		}
	}
}
