package admin

import (
	"fmt"
	"slices"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/quarantine"
)

// Log is the log of decisions in the order of time.
func Log(book *quarantine.Book) ([]quarantine.Entry, error) {
	log, err := book.Log()
	if err != nil {
		return nil, fmt.Errorf("the log of approvals can't be read: %w", err)
	}
	slices.SortStableFunc(log, func(a, b quarantine.Entry) int { return a.Time.Compare(b.Time) })
	return log, nil
}
