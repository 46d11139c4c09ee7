package cli

import (
	"context"
	"fmt"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/admin"
)

// approveFile asks one question about all servers of the user's file that wait to be run: it shows the file, why they wait, and each launch.
func (a *app) approveFile(ctx context.Context, c *console, noPager bool) error {
	if err := c.by.Host.Begin(); err != nil {
		return err
	}
	if err := c.look(); err != nil {
		return err
	}
	file := admin.WholeFileOf(c.view)
	p := newPrinter(a.out)
	if len(file.Waiting) == 0 {
		p.line(plain(file.Config.Path), " has no servers to approve together.")
		if file.Doubt != "" {
			return file.Book.Settle(file.Config.Path)
		}
		return nil
	}
	show := func(p *printer) {
		p.line(p.paint(bold, "All servers in your file"), " – you approve what they run and the tools they list first, in one step")
		p.line()
		p.fact("File", "", plain(file.Config.Path))
		p.fact("Reason", yellow, file.Doubt)
		for _, e := range file.Waiting {
			p.line()
			p.line(p.paint(bold, plain(e.Written.Name)))
			p.launch(e, showing{})
		}
		if len(file.Others) > 0 {
			p.line()
			p.wrapped("", "", fmt.Sprintf("Not included, review each: %s.", names(file.Others)))
		}
		p.line()
	}
	if err := a.paged(noPager, show); err != nil {
		return err
	}
	if err := a.confirm(ctx, p, "all", fmt.Sprintf("approve %s", plural(len(file.Waiting), "server", "servers"))); err != nil {
		return err
	}
	if err := file.Approve(c.by.Means); err != nil {
		return err
	}
	p.line(p.paint(green, "Approved."), " Open sessions have it now.")
	return nil
}

func names(entries []*admin.Entry) (text string) {
	for i, e := range entries {
		if i > 0 {
			text += ", "
		}
		text += plain(e.Written.Name)
	}
	return text
}
