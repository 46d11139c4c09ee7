package quarantine

import (
	"errors"
	"testing"
	"time"
)

func TestInstantAnswersAreNobodys(t *testing.T) {
	c := NewChallenge("s", "d")
	for _, result := range []string{`{"action":"decline"}`, `{"action":"cancel"}`, `{"action":"accept","content":{"confirmation":"` + c.Text + `"}}`, `{}`, `null`} {
		if err := c.Check([]byte(result), c.Asked.Add(999*time.Millisecond)); !errors.Is(err, ErrNotPerson) || errors.Is(err, ErrDeclined) {
			t.Errorf("%s at once: %v", result, err)
		}
	}
	for result, want := range map[string]error{
		`{"action":"decline"}`: ErrDeclined, `{"action":"cancel"}`: ErrDeclined, `{"action":"accept","content":{"confirmation":"` + c.Text + `"}}`: nil, `{"action":"accept"}`: ErrNotPerson,
	} {
		if err := c.Check([]byte(result), c.Asked.Add(2*time.Second)); !errors.Is(err, want) {
			t.Errorf("%s after a while: %v, want %v", result, err, want)
		}
	}
}

func TestModelsRejectionIsNoRefusal(t *testing.T) {
	now := time.Now()
	r := &Record{}
	r.Reject(Means{How: "tool", Model: true})
	if !r.Rejected() || r.Cooling(now) {
		t.Errorf("by a model: %+v", r)
	}
	r.Reject(Means{How: "terminal"})
	if !r.Rejected() || !r.Cooling(now) {
		t.Errorf("by a person: %+v", r)
	}
	r.Reject(Means{How: "tool", Model: true})
	if !r.Cooling(now) {
		t.Errorf("by a model after a person: %+v", r)
	}
	if again, err := Decode(r.Encode()); err != nil || again.Cooling(now) != r.Cooling(now) {
		t.Errorf("read back: %+v, %v", again, err)
	}
}
