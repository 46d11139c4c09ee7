package cli

import "testing"

// The state, what waits and what looks malicious are one status, and its colour follows from it.
func TestStatus(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		state           string
		waits, suspects int
		want, sgr       string
	}{
		{stateApproved, 0, 0, "approved", green},
		{stateApproved, 4, 0, "4 to review", yellow},
		{stateApproved, 4, 3, "4 to review, 3 malicious", red},
		{stateEnabled, 1, 1, "1 to review, 1 malicious", red},
		{stateHeldLaunch, 0, 0, "held, not run", yellow},
		{stateHeldDefinitions, 0, 0, "held, to review", yellow},
		{stateHeldDefinitions, 0, 2, "held, to review, 2 malicious", red},
		{stateNeedsLogin, 2, 0, "needs_login, 2 to review", red},
		{stateDisabled, 0, 0, "disabled", dim},
		{stateRefused, 0, 0, "refused", red},
		{stateOK, 0, 0, "ok", green},
		{stateCannotRun, 0, 0, "can't be run", red},
	} {
		got := statusWords(test.state, test.waits, test.suspects)
		if sgr := paintState(got); got != test.want || sgr != test.sgr {
			t.Errorf("%s with %d and %d: %q in %q, want %q in %q", test.state, test.waits, test.suspects, got, sgr, test.want, test.sgr)
		}
	}
}
