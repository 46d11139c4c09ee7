package confusables

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// The index finds what comparing with each name finds.
func TestNamesFindWhatNearDoes(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	letters := []rune("abcdeil10-_аоıΙｇé\u200b9")
	var names []string
	for range 400 {
		name := make([]rune, 1+random.IntN(9))
		for i := range name {
			name[i] = letters[random.IntN(len(letters))]
		}
		names = append(names, string(name))
	}
	names = append(names, "github", "githbu", "gıthub", "githubb", "githu", "GitHub", "github", "server1", "server2", "")
	index, found := &Names{}, 0
	for i, name := range names {
		want := ""
		for _, other := range names[:i] {
			if other != name && Near(name, other) {
				want = other
				break
			}
		}
		if got := index.Near(name); got != want {
			t.Errorf("%q is near %q, want %q", name, got, want)
		}
		if want != "" {
			found++
		}
		index.Add(name)
	}
	if found < 10 {
		t.Errorf("only %d are near another, so this tells little", found)
	}
}

func TestNearNames(t *testing.T) {
	names := []string{"github", "files", "db1", "team-a"}
	for name, want := range map[string]string{
		"github": "", "githud": "github", "gıthub": "github", "GitHub": "github", "giithub": "github", "g1thub": "github", "gith\u200bub": "github",
		"fi1es": "files", "db2": "", "team-b": "", "postgres": "", "": "", "ｇｉｔｈｕｂ": "github", "gіthub": "github",
	} {
		if got := NewNames(names).Near(name); got != want {
			t.Errorf("%q looks like %q, want %q", name, got, want)
		}
	}
}

func BenchmarkNames(b *testing.B) {
	var names []string
	for i := range 1000 {
		names = append(names, fmt.Sprintf("server-%c%c-of-team-%d", 'a'+i%26, 'a'+i/26%26, i))
	}
	for b.Loop() {
		index := &Names{}
		for _, name := range names {
			index.Near(name)
			index.Add(name)
		}
	}
}
