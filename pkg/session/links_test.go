package session

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
)

func TestEachLink(t *testing.T) {
	pad := func(n int) string { return `{"type":"text","text":"` + strings.Repeat("x", n) + `"},` }
	link := func(uri string) string { return `{"type":"resource_link","uri":"` + uri + `"}` }
	many := strings.Repeat(link("x:1")+",", 2*mostLinks)
	for _, one := range []struct {
		result string
		want   []string
	}{
		{`{"content":[]}`, nil},
		{`{"content":[` + link("a:1") + ",{\"uri\" :\t\"a:2\"},{\"uri\":\n " + `"a:\u0033\/\""}]}`, []string{"a:1", "a:2", `a:3/"`}},
		{`{"text":"\"uri\":\"a:1\"","x":"uri","y":["uri","z:1"],"uri":7,"uri":null,"uri":""}`, nil},
		{`{"uri`, nil}, {`{"uri"`, nil}, {`{"uri":`, nil}, {`{"uri":"`, nil}, {`{"uri":"x\`, nil}, {`{"uri":"x\"`, nil}, {`{"uri":"\q"`, nil},
		{`{"content":[` + link("a:first") + "," + pad(linksHead+linksTail) + link("a:last") + `]}`, []string{"a:first", "a:last"}},
		{`{"content":[` + pad(linksHead) + link("a:between") + "," + pad(linksTail) + link("a:last") + `]}`, []string{"a:last"}},
		{`{"content":[` + pad(linksHead+10) + link("a:near") + `]}`, []string{"a:near"}},
		{`{"uri":"` + strings.Repeat("x", mostURI) + `"}`, nil},
	} {
		var got []string
		eachLink([]byte(one.result), func(uri string) { got = append(got, uri) })
		if !slices.Equal(got, one.want) {
			t.Errorf("%.200s: %q, not %q", one.result, got, one.want)
		}
	}
	n := 0
	eachLink([]byte(many), func(string) { n++ })
	if n != mostLinks {
		t.Errorf("%d links are noted", n)
	}
}

// TestLinksAreWaitedFor: who asks for a URI while a result is looked through waits for that, and for no later one.
func TestLinksAreWaitedFor(t *testing.T) {
	var l links
	l.wait(context.Background())
	first, waited := l.begin(), make(chan bool)
	go func() {
		l.wait(context.Background())
		waited <- true
	}()
	select {
	case <-waited:
		t.Error("nothing was waited for")
	default:
	}
	first()
	<-waited
	defer l.begin()()
	gone, cancel := context.WithCancel(context.Background())
	cancel()
	l.wait(gone)
	if !l.busy() {
		t.Error("nothing is being looked through")
	}
}

// BenchmarkFindLinks is what looking for links adds to the relay of a result.
func BenchmarkFindLinks(b *testing.B) {
	for _, size := range []int{100, 100 << 10, 1 << 20, 10 << 20} {
		result := []byte(`{"content":[{"type":"text","text":"` + strings.Repeat("0123456789abcdef", size/16) + `"}]}`)
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			for b.Loop() {
				(*Session)(nil).findLinks(nil, result)
			}
		})
	}
	prose := []byte(`{"content":[{"type":"text","text":"` + strings.Repeat(`a \"quoted\" word, unit `, 1<<20/24) + `"}]}`)
	b.Run("quotes", func(b *testing.B) {
		for b.Loop() {
			(*Session)(nil).findLinks(nil, prose)
		}
	})
}
