package cli

import (
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/scan/eval"
)

func (a *app) evaluate(dir string, asJSON bool) error {
	rows, err := eval.Load(dir)
	if err != nil {
		return failed(err)
	}
	report := eval.Measure(eval.Judge(rows))
	if asJSON {
		return printJSON(a.out, report)
	}
	newPrinter(a.out).eval(report)
	return nil
}

func (p *printer) eval(r *eval.Report) {
	var rows [][]string
	add := func(name string, rate eval.Rate) {
		rows = append(rows, []string{plain(name), strconv.Itoa(rate.All), percent(rate.Share()), percent(rate.BlockShare())})
	}
	group := func(title string, rates map[string]eval.Rate) {
		for _, name := range slices.Sorted(maps.Keys(rates)) {
			add(title+name, rates[name])
		}
	}
	group("tier ", r.Tiers)
	rows = append(rows, []string{"mean of the sources (T1, T2)", strconv.Itoa(len(r.Sources)), percent(r.MacroSource), ""})
	group("source ", r.Sources)
	add("hidden characters", r.Characters)
	group("class ", r.Classes)
	group("surface ", r.Surfaces)
	add("real definitions", r.RealTools)
	add("real servers", r.RealServers)
	add("hard negatives", r.Hard)
	group("benign ", r.Benign)
	p.table([]column{{title: "GROUP", cut: true}, {title: "ROWS", right: true}, {title: "FLAGGED", right: true}, {title: "BLOCKED", right: true}}, rows)
	p.line(fmt.Sprintf("Time for each definition: %v in the mean, %v at the 99th percentile.", r.Mean, r.P99))
}

func percent(share float64) string { return strconv.FormatFloat(100*share, 'f', 1, 64) + " %" }
