package catalog

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The names are golden: clients keep them in their permissions, so they must not change with a release.
func TestExposedNames(t *testing.T) {
	long := strings.Repeat("long_name_", 12)
	for _, one := range []struct {
		max   int
		items []origin
		want  []string
	}{
		{48, []origin{{"", "upstream_servers"}, {"a", "echo"}, {"b", "echo"}, {"a-b", "get_sum"}}, []string{"upstream_servers", "a__echo", "b__echo", "a-b__get_sum"}},
		{48, []origin{{"a", "x.y"}, {"a", "größe"}, {"a", "日本"}, {"my server", "t"}}, []string{"a__x_y", "a__gr__e", "a____", "my_server__t"}},
		{48, []origin{{"io.github.x/y", "t"}, {"@x/server-y", "t"}}, []string{"io_github_x_y__t", "_x_server-y__t"}},
		{48, []origin{{"io.github.x/y", "t"}, {"io.github.x.y", "t"}, {"io.github.x.y", "u"}}, []string{"io_github_x_y__t_92a56fba", "io_github_x_y__t_f8a52c9d", "io_github_x_y__u"}},
		{48, []origin{{"a/b", "t"}, {"a_b", "t"}}, []string{"a_b__t_09b622fb", "a_b__t_98090cd0"}},
		{48, []origin{{"a", "x.y"}, {"a", "x:y"}, {"a", "x_y"}}, []string{"a__x_y_7ace4eaa", "a__x_y_b196558e", "a__x_y"}},
		{48, []origin{{"a", "b__c"}, {"a__b", "c"}}, []string{"a__b__c_01b8a75b", "a__b__c_a92700ce"}},
		{48, []origin{{"a", long + "1"}, {"a", long + "2"}}, []string{"a__long_name_long_name_long_name_long_n_415f7ef0", "a__long_name_long_name_long_name_long_n_c12e09f7"}},
		{48, []origin{{strings.Repeat("server-", 9), "echo"}}, []string{"server-server-server-s__echo_2bfc7490"}},
		{24, []origin{{"github", "create_pull_request"}, {"github", "get_me"}}, []string{"github__create__a854ab21", "github__get_me"}},
	} {
		if got := exposedNames(one.items, one.max); !slices.Equal(got, one.want) {
			t.Errorf("%q:\nwant %q\n got %q", one.items, one.want, got)
		}
	}
}

// Whatever servers call their tools: names fit, are unique, and depend neither on the order nor on who else is there,
// unless that wants the same name.
func TestExposedNamesHold(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	fits := regexp.MustCompile(`^[A-Za-z0-9_-]+$`)
	parts := []string{"a", "b", "_", "__", ".", "é", "日", "-", "A", "name", strings.Repeat("x", 30), " ", "/"}
	word := func(n int) string {
		var b strings.Builder
		for range 1 + rng.IntN(n) {
			b.WriteString(parts[rng.IntN(len(parts))])
		}
		return b.String()
	}
	for round := range 300 {
		seen := map[origin]bool{}
		var items []origin
		for range 40 {
			if it := (origin{word(3), word(4)}); !seen[it] {
				seen[it] = true
				items = append(items, it)
			}
		}
		names := exposedNames(items, 48)
		// A name that another was given may be somebody's own.
		for i := range 5 {
			if name, ok := strings.CutPrefix(names[i], Prefix(items[i].server)); ok && !seen[origin{items[i].server, name}] {
				seen[origin{items[i].server, name}] = true
				items = append(items, origin{items[i].server, name})
			}
		}
		names = exposedNames(items, 48)
		byItem := map[origin]string{}
		taken := map[string]origin{}
		for i, name := range names {
			if !fits.MatchString(name) || len(name) > 48 {
				t.Fatalf("round %d: %q is called %q", round, items[i], name)
			}
			if other, twice := taken[name]; twice {
				t.Fatalf("round %d: %q and %q are both called %s", round, other, items[i], name)
			}
			taken[name], byItem[items[i]] = items[i], name
		}
		rng.Shuffle(len(items), func(i, j int) { items[i], items[j] = items[j], items[i] })
		for i, name := range exposedNames(items, 48) {
			if byItem[items[i]] != name {
				t.Fatalf("round %d: %q is called %s or, in another order, %s", round, items[i], byItem[items[i]], name)
			}
		}
	}
}

func BenchmarkExposedNames(b *testing.B) {
	for _, n := range []int{1000, 10_000} {
		items := make([]origin, n)
		for i := range items {
			items[i] = origin{"server", fmt.Sprintf("tool_%05d", i)}
		}
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			for b.Loop() {
				exposedNames(items, 48)
			}
		})
	}
}

// colliding finds two names of tools, of one or two servers, whose exposed names are the same by their short hashes.
func colliding(a, b string, max int) (one, other origin) {
	seen := map[string]origin{}
	long := strings.Repeat("long_name_", 8)
	for i := 0; ; i++ {
		for _, server := range []string{a, b} {
			it := origin{server, fmt.Sprint(long, i)}
			name := hashed(it, max, hashDigits[0])
			if was, known := seen[name]; known && was != it && (a == b || was.server != server) {
				return was, it
			}
			seen[name] = it
		}
	}
}

// shortHashes makes collisions quick to find.
func shortHashes(t *testing.T, digits [2]int) {
	was := hashDigits
	hashDigits = digits
	t.Cleanup(func() { hashDigits = was })
}

// TestCollidingNames: a name that two items come to is nobody's; each keeps one of its own, whatever the order.
func TestCollidingNames(t *testing.T) {
	shortHashes(t, [2]int{5, 16})
	for _, servers := range [][2]string{{"a b", "a_b"}, {"alice", "alice"}, {strings.Repeat("server", 10) + "1", strings.Repeat("server", 10) + "2"}} {
		for _, max := range []int{48, 24} {
			one, other := colliding(servers[0], servers[1], max)
			short := hashed(one, max, hashDigits[0])
			if short != hashed(other, max, hashDigits[0]) {
				t.Fatalf("%v and %v do not collide", one, other)
			}
			literal := origin{servers[0], strings.TrimPrefix(short, Prefix(servers[0]))}
			for _, items := range [][]origin{{one, other}, {other, one}, {one, other, literal}, {one, literal}, {literal, other}, {{"", "own"}, one, {"x", "y"}, other}} {
				names := exposedNames(items, max)
				seen := map[string]bool{}
				clashes := !slices.Contains(items, literal) || clean(literal.server+Separator+literal.name) == short
				for i, name := range names {
					if name == "" || len(name) > max || seen[name] || clashes && name == short {
						t.Errorf("%v: %v is called %q", items, items[i], name)
					}
					seen[name] = true
				}
			}
		}
	}
}

// TestNamesOfAnother: what one server's tool is called is not taken by another's that comes to be spelt so.
func TestNamesOfAnother(t *testing.T) {
	for _, items := range [][]origin{{{"a b", "x"}, {"a_b", "x"}}, {{"a", "b.c__d"}, {"a__b.c", "d"}, {"a__b_c", "d"}}} {
		for i, name := range exposedNames(items, 48) {
			if plain := clean(items[i].server + Separator + items[i].name); name == plain {
				t.Errorf("%v: %v is called %s", items, items[i], name)
			}
		}
	}
}

// TestNameLeftOut: an item that comes to the same name by every hash is left out and told, and so is the other.
func TestNameLeftOut(t *testing.T) {
	shortHashes(t, [2]int{5, 5})
	one, other := colliding("a", "a", 48)
	v := NewView([]Source{source("a", Tools, `{"name":"`+one.name+`"}`, `{"name":"ok"}`, `{"name":"`+other.name+`"}`)}, 48, nil)
	if got := names(v, Tools); !slices.Equal(got, []string{"a__ok"}) || len(v.LeftOut()) != 2 {
		t.Errorf("listed %q, left out %+v", got, v.LeftOut())
	}
	if it, ok := v.Lookup(Tools, "a__ok"); !ok || it.Original != "ok" || v.Exposed(Tools, "a", "ok") != "a__ok" {
		t.Errorf("%+v", it)
	}
}
