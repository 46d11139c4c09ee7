package confusables

import (
	"strings"
	"testing"
	"unicode"
)

func TestSkeleton(t *testing.T) {
	for _, pair := range [][2]string{
		{"github", "GitHub"},
		{"github", "gіthub"},       // Cyrillic i
		{"github", "ｇｉｔｈｕｂ"},       // fullwidth
		{"github", "git\u200bhub"}, // zero width space
		{"github", "git\u00adhub"}, // soft hyphen
		{"github", "g\ufe0fithub"}, // variation selector
		{"github", "\U000e0067github\U000e007f"},
		{"github", "g1thub"}, {"github", "gIthub"}, {"github", "g|thub"}, {"github", "glthub"},
		{"amazon", "amaz0n"}, {"amazon", "arnazon"}, {"amazon", "𝐚𝐦𝐚𝐳𝐨𝐧"}, {"amazon", "АМАZОN"},
		{"strasse", "straße"}, {"σοσ", "ΣΟΣ"}, {"σος", "ΣΟΣ"}, {"café", "cafe\u0301"},
	} {
		if a, b := Skeleton(pair[0]), Skeleton(pair[1]); a != b {
			t.Errorf("%q and %q look alike, but their skeletons are %q and %q", pair[0], pair[1], a, b)
		}
	}
	for _, pair := range [][2]string{{"github", "gitlab"}, {"cafe", "café"}, {"a", "b"}, {"notes", "note"}} {
		if Skeleton(pair[0]) == Skeleton(pair[1]) {
			t.Errorf("%q and %q have the same skeleton", pair[0], pair[1])
		}
	}
}

// A prototype of the standard leads to another one after folding for few characters; none may be left halfway.
func TestSkeletonIsStable(t *testing.T) {
	for r := rune(0); r <= unicode.MaxRune; r++ {
		once := Skeleton(string(r))
		if twice := Skeleton(once); twice != once {
			t.Errorf("%U: %+q, then %+q", r, once, twice)
		}
		if upper := Skeleton(string(unicode.ToUpper(r))); unicode.ToLower(unicode.ToUpper(r)) == r && upper != once {
			t.Errorf("%U: %+q, of its capital %+q", r, once, upper)
		}
	}
}

func TestTable(t *testing.T) {
	if len(sources) != len(targets) || len(sources) < 6000 {
		t.Fatalf("%d sources and %d targets", len(sources), len(targets))
	}
	for i, r := range sources {
		if i > 0 && sources[i-1] >= r {
			t.Fatalf("%U is out of order", r)
		}
		if Prototype(r) == "" {
			t.Errorf("%U has no prototype", r)
		}
	}
	for r, want := range map[rune]string{'m': "rn", '0': "O", 'с': "c", 'a': ""} {
		if got := Prototype(r); got != want {
			t.Errorf("Prototype(%q) = %q, not %q", r, got, want)
		}
	}
}

func TestNear(t *testing.T) {
	for _, test := range []struct {
		a, b string
		near bool
	}{
		{"github", "github", true},
		{"github", "gihtub", true},  // exchanged
		{"github", "githubb", true}, // inserted
		{"github", "githu", true},   // left out
		{"github", "githab", true},  // replaced
		{"github", "github_", true}, //
		{"github", "gitlab", false}, // two slips
		{"github", "git-hub-", false},
		{"filesystem", "fi1esystern", true},
		{"a", "b", false}, {"a", "A", true}, {"a", "а", true},
		{"db", "dc", false}, {"jira", "jirra", false}, {"jira", "jlra", true},
		{"db1", "db2", false}, {"server2", "server3", false}, {"server10", "server11", false},
		{"team-a", "team-b", false}, {"team-a", "team-o", false}, {"team-a-x", "team-b-x", false}, {"team-a", "tean-a", true}, {"team-a", "team-а", true},
		{"server", "server2", true},
		{"sl4ck", "slack", true},
		{"io.github.x/notes", "io_github_x_notes", true}, {"a/b", "a.b", true}, {"@x/y-z", "_x_y_z", true}, {"a/b", "ab", false},
		{"io.github.x/notes", "io.github.y/notes", false}, {"a/b", "a/c", false}, {"my server", "my-server", true},
		{"", "", false}, {"", "a", false}, {"\u200b", "\u200b", false},
	} {
		if got := Near(test.a, test.b); got != test.near {
			t.Errorf("Near(%q, %q) = %v", test.a, test.b, got)
		}
		if got := Near(test.b, test.a); got != test.near {
			t.Errorf("Near(%q, %q) = %v", test.b, test.a, got)
		}
	}
}

func TestOneSlipIsDistanceOne(t *testing.T) {
	words := []string{"", "a", "b", "ab", "ba", "abc", "acb", "bac", "abcd", "abdc", "bcd", "xbcd", "aab", "aba"}
	for _, a := range words {
		for _, b := range words {
			if a != b && oneSlip([]rune(a), []rune(b)) != (alignment(a, b) == 1) {
				t.Errorf("%q and %q are at distance %d", a, b, alignment(a, b))
			}
		}
	}
}

// alignment is the optimal string alignment distance as textbooks have it.
func alignment(a, b string) int {
	d := make([][]int, len(a)+1)
	for i := range d {
		d[i] = make([]int, len(b)+1)
		d[i][0] = i
	}
	for j := range d[0] {
		d[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			d[i][j] = min(d[i-1][j]+1, d[i][j-1]+1, d[i-1][j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				d[i][j] = min(d[i][j], d[i-2][j-2]+1)
			}
		}
	}
	return d[len(a)][len(b)]
}

func FuzzNear(f *testing.F) {
	f.Add("github", "gіthub")
	f.Add("\xff", "İıſK")
	f.Fuzz(func(t *testing.T, a, b string) {
		if s := Skeleton(a); Skeleton(s) != s {
			t.Errorf("the skeleton of %+q is not stable", a)
		}
		if Near(a, b) != Near(b, a) {
			t.Errorf("Near(%+q, %+q) depends on the order", a, b)
		}
		if Skeleton(a) != "" && !Near(a, a) {
			t.Errorf("%+q is not near itself", a)
		}
	})
}

func BenchmarkSkeleton(b *testing.B) {
	name := strings.Repeat("gіthub-", 4)
	for b.Loop() {
		Skeleton(name)
	}
}
