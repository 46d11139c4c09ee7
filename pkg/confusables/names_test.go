package confusables

import (
	"fmt"
	"math/rand/v2"
	"slices"
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

// A name is compared with few of a thousand, however alike all of them are.
func TestNamesCompareFew(t *testing.T) {
	for name, names := range map[string][]string{"of teams": thousand(), "numbered": numberedNames()} {
		index := &Names{}
		for _, name := range names {
			index.Near(name)
			index.Add(name)
		}
		if most := 40 * len(names); index.compared > most {
			t.Errorf("%s: %d comparisons for %d names, want %d at most", name, index.compared, len(names), most)
		}
	}
}

// ASCII names have the skeletons that the general way gives them.
func TestASCIISkeleton(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for range 2000 {
		b := make([]byte, random.IntN(12))
		for i := range b {
			b[i] = byte(random.IntN(128))
		}
		if got, want := Skeleton(string(b)), stable(string(b)); got != want {
			t.Fatalf("%q: %q, want %q", b, got, want)
		}
	}
}

func thousand() (names []string) {
	for i := range 1000 {
		names = append(names, fmt.Sprintf("server-%c%c-of-team-%d", 'a'+i%26, 'a'+i/26%26, i))
	}
	return names
}

func numberedNames() (names []string) {
	for i := range 1000 {
		names = append(names, fmt.Sprintf("server-%d", i))
	}
	return names
}

func BenchmarkNames(b *testing.B) {
	names := thousand()
	for b.Loop() {
		index := &Names{}
		for _, name := range names {
			index.Near(name)
			index.Add(name)
		}
	}
}

// What is left without a character has the same hash as that text itself.
func TestNeighbours(t *testing.T) {
	for _, s := range []string{"server", "aaaaa", "x\u0430yz\u00e9", "abcdefghij"} {
		all := neighbours(s)
		for i, r := range s {
			if want := neighbours(s[:i] + s[i+len(string(r)):])[0]; !slices.Contains(all, want) {
				t.Errorf("%q without %q is missing", s, r)
			}
		}
	}
}
