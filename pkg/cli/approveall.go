package cli

import (
	"context"
	"fmt"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
)

// approveFile asks one question about all servers of the user's file that wait to be run: it shows the file, why they wait, and each launch.
func (a *app) approveFile(ctx context.Context, d *desk, noPager bool) error {
	base, err := d.book.ReadBaseline(d.config.Path)
	if err != nil {
		return err
	}
	var servers []*config.Server
	var waiting, others []*entry
	for _, k := range d.known {
		e := d.open(k)
		switch {
		case k.Failed != nil || k.Written.Workspace:
		case k.Record.OfWholeFile(k.Written) && k.Effective.Refused == "":
			servers, waiting = append(servers, k.Written), append(waiting, e)
		case e.proposal != nil:
			others = append(others, e)
		}
	}
	p := newPrinter(a.out)
	if len(servers) == 0 {
		p.line(plain(d.config.Path), " has no servers to approve together.")
		if base != nil && base.Doubt != "" {
			err = d.book.Settle(d.config.Path)
		}
		return err
	}
	show := func(p *printer) {
		p.line(p.paint(bold, "All servers in your file"), " – you approve what they run and the tools they list first, in one step")
		p.line()
		p.fact("File", "", plain(d.config.Path))
		if base != nil && base.Doubt != "" {
			p.fact("Reason", yellow, base.Doubt)
		}
		for _, e := range waiting {
			p.line()
			p.line(p.paint(bold, plain(e.Written.Name)))
			p.launch(e, e.proposal, showing{})
		}
		if len(others) > 0 {
			p.line()
			p.wrapped("", "", fmt.Sprintf("Not included, review each: %s.", names(others)))
		}
		p.line()
	}
	if err := a.paged(noPager, show); err != nil {
		return err
	}
	if err := a.confirm(ctx, p, "all", fmt.Sprintf("approve %s", plural(len(servers), "server", "servers"))); err != nil {
		return err
	}
	if err := d.book.ApproveFile(d.config.Path, servers, a.means()); err != nil {
		return err
	}
	p.line(p.paint(green, "Approved."), " Open sessions have it now.")
	return nil
}

func names(entries []*entry) (text string) {
	for i, e := range entries {
		if i > 0 {
			text += ", "
		}
		text += plain(e.Written.Name)
	}
	return text
}
