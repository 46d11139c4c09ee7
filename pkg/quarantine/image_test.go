package quarantine

import (
	"bytes"
	"testing"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/catalog"
)

const boxedEntry = `{"command":"npx","isolation":{"type":"docker"}}`

// from is what a server lists that runs in a container of an image.
func from(image string, tools ...string) *catalog.Snapshot {
	s := live(tools...)
	s.Image = image
	return s
}

func runs(r *Record, image string) bool { return r.Gate().Admits(Image, "", ImageItem(image).Digest) }

// The image of the first look is the baseline; another one waits, runs once it is approved, and the first may run again then.
func TestImageIsPinned(t *testing.T) {
	s := entryOf(t, "s", boxedEntry)
	r := &Record{Config: s.Path, Server: s.Name}
	r.Baseline(s, "test")
	r.Learn(s, from("sha256:one", toolA), Whole, false, suspicious)
	if !runs(r, "sha256:one") || runs(r, "sha256:two") || shown(r) != toolA {
		t.Fatal("the baseline has not this image alone, or not its tools")
	}
	if r.LearnImage(s, ImageItem("sha256:one"), false) {
		t.Error("the approved image changes something")
	}
	if !r.LearnImage(s, ImageItem("sha256:two"), false) || waits(r) != "image withheld" || r.Pending(s) != 1 || runs(r, "sha256:two") {
		t.Fatalf("waiting: %s", waits(r))
	}
	if r.LearnImage(s, ImageItem("sha256:two"), false) {
		t.Error("what waits already changes something")
	}
	if shown(r) != toolA {
		t.Error("tools are withheld with the image")
	}
	p := r.Proposal(s)
	if len(p.Changes) != 1 || p.Changes[0].What() != "changed" || string(p.Changes[0].Old) != `"sha256:one"` {
		t.Fatalf("%+v", p.Changes)
	}
	data := r.Encode()
	again := must(Decode(data))(t)
	if !bytes.Equal(again.Encode(), data) || waits(again) != waits(r) || !runs(again, "sha256:one") {
		t.Error("it is another record after it was read back")
	}
	if decision := must(again.Approve(s, p.Digest, Means{How: "test"}, harmless))(t); decision != "approve" {
		t.Error(decision)
	}
	if !runs(again, "sha256:two") || !runs(again, "sha256:one") || waits(again) != "" {
		t.Error("not approved")
	}
}

func TestImageWithAuto(t *testing.T) {
	s := entryOf(t, "s", `{"command":"npx","tool_changes":"auto","isolation":{"type":"docker"}}`)
	r := approved(t, s, toolA)
	if !r.LearnImage(s, ImageItem("sha256:two"), true) || !runs(r, "sha256:two") || waits(r) != "" || decisions(r.Outbox) != "auto" {
		t.Error(waits(r), decisions(r.Outbox))
	}
}

// What differs in its image alone has another digest, and nothing is learned of a server that is held.
func TestImageIsPartOfTheDigest(t *testing.T) {
	s := entryOf(t, "s", `{"command":"npx","quarantined":true,"isolation":{"type":"docker"}}`)
	digests := map[string]bool{}
	for _, image := range []string{"", "sha256:one", "sha256:two"} {
		r := &Record{Config: s.Path, Server: s.Name}
		must(r.Approve(s, r.Proposal(s).Digest, Means{How: "test"}, harmless))(t)
		if r.LearnImage(s, ImageItem("sha256:x"), true) {
			t.Error("learned of a held server")
		}
		r.Learn(s, from(image, toolA), Whole, false, harmless)
		digests[r.Proposal(s).Digest] = true
		if image == "" {
			continue
		}
		must(r.Approve(s, r.Proposal(s).Digest, Means{How: "test"}, harmless))(t)
		if !runs(r, image) || r.State(s) != Approved {
			t.Errorf("%s was not approved with the rest", image)
		}
	}
	if len(digests) != 3 {
		t.Errorf("digests: %v", digests)
	}
}
