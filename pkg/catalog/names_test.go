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
