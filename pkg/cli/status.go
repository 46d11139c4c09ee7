package cli

import (
	"strconv"
	"strings"

	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/admin"
)

// onScreen are the words for those states whose names are for programs.
var onScreen = map[string]string{stateHeldLaunch: "held, not run", stateHeldDefinitions: "held, to review"}

// Ends of a status.
const (
	toReview  = " to review"
	malicious = " malicious"
)

// statusWords is the status of a server as every list and review on a terminal shows it: its state, how much of it waits for the person,
// and how many of these definitions look malicious. What is painted follows from it.
func statusWords(state string, waits, suspects int) string {
	switch words := onScreen[state]; {
	case words != "":
		state = words
	case waits > 0 && (state == stateApproved || state == stateEnabled):
		state = strconv.Itoa(waits) + toReview
	case waits > 0:
		state += ", " + strconv.Itoa(waits) + toReview
	}
	if suspects > 0 {
		state += ", " + strconv.Itoa(suspects) + malicious
	}
	return state
}

// paintState is the colour of a status.
func paintState(status string) string {
	if strings.HasSuffix(status, malicious) {
		return red
	}
	state, _, _ := strings.Cut(status, ",")
	switch {
	case state == stateOK, state == stateEnabled, state == stateApproved:
		return green
	case state == stateDisabled:
		return dim
	case state == "held", state == stateNoWorkspace, strings.HasSuffix(state, toReview):
		return yellow
	}
	return red
}

// entryStatus is the status of an entry that is in a state, with what waits of it.
func entryStatus(e *admin.Entry, state string) string {
	return statusWords(state, e.Record.Pending(e.Written), len(e.Blocking(e.Proposal)))
}
