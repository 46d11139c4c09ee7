// Eval measures scan on a corpus of labelled definitions: how much of what is hostile it finds, and how much of what is
// honest it flags.
//
//	go run ./pkg/scan/eval [-json] DIR
//
// DIR has malicious.jsonl and benign.jsonl, one object a line. It is given from outside; none comes with the program, since
// such collections hold other people's texts.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
)

func main() {
	asJSON := flag.Bool("json", false, "print JSON")
	flag.Parse()
	if flag.NArg() != 1 {
		fmt.Fprintln(os.Stderr, "usage: go run ./pkg/scan/eval [-json] DIR")
		os.Exit(2)
	}
	if err := evaluate(os.Stdout, flag.Arg(0), *asJSON); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// evaluate writes what was measured on the corpus in dir to w.
func evaluate(w io.Writer, dir string, asJSON bool) error {
	rows, err := load(dir)
	if err != nil {
		return err
	}
	r := measure(judge(rows))
	if asJSON {
		out := json.NewEncoder(w)
		out.SetIndent("", "  ")
		return out.Encode(r)
	}
	r.print(w)
	return nil
}

// print writes the report as a table.
func (r *report) print(w io.Writer) {
	line := func(group, rows, flagged, blocked string) {
		fmt.Fprintf(w, "%-60s  %4s  %7s  %7s\n", group, rows, flagged, blocked)
	}
	add := func(name string, of rate) {
		name = strings.Trim(strconv.QuoteToASCII(name), `"`)
		line(name, strconv.Itoa(of.All), percent(share(of.Flagged, of.All)), percent(share(of.Blocked, of.All)))
	}
	group := func(title string, rates map[string]rate) {
		for _, name := range slices.Sorted(maps.Keys(rates)) {
			add(title+name, rates[name])
		}
	}
	line("GROUP", "ROWS", "FLAGGED", "BLOCKED")
	group("tier ", r.Tiers)
	line("mean of the sources (T1, T2)", strconv.Itoa(len(r.Sources)), percent(r.MacroSource), "")
	group("source ", r.Sources)
	add("hidden characters", r.Characters)
	group("class ", r.Classes)
	group("surface ", r.Surfaces)
	add("real definitions", r.RealTools)
	add("real servers", r.RealServers)
	add("hard negatives", r.Hard)
	group("benign ", r.Benign)
	fmt.Fprintf(w, "Time for each definition: %v in the mean, %v at the 99th percentile.\n", r.Mean, r.P99)
}

func percent(share float64) string { return strconv.FormatFloat(100*share, 'f', 1, 64) + " %" }
