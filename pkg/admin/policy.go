package admin

import (
	"github.com/mcpproxy-stdio/mcpproxy-stdio/pkg/config"
)

// Operation is what an actor wants to do about a server's trust. What only takes trust away, or shows what is there, is free.
type Operation int

// Operations.
const (
	Approve  Operation = iota // what waits at a server
	Grave                     // what waits, and looks hostile
	Enable                    // what a person disabled
	Reenable                  // what a tool or a script disabled
	Add                       // an entry
	Settings                  // confirm a looser policy, unblock a tool, approve a whole file
)

// Need is what an operation needs of the one who asks for it.
type Need int

// Needs.
const (
	Free   Need = iota // it is done
	Held               // it is done, and what it adds is held
	Asked              // a person confirms it, by a challenge
	Person             // only a person on a terminal or in the editor can do it
)

// needs is the policy of who may do what without a challenge: a function of the actor, and of the approval setting in force. A person at a
// terminal is challenged there; a model's client is asked, if it shows a form.
func needs(op Operation, by *Actor, approval string) Need {
	if by.person() {
		if op == Add {
			return Free
		}
		return Asked
	}
	switch op {
	case Add:
		return Held
	case Reenable:
		return Free
	case Approve:
		switch {
		case by.Kind != Model || approval == config.ApprovalOOB:
			return Person
		case approval == config.ApprovalHost || approval == config.ApprovalOff:
			return Free
		}
		return Asked
	}
	return Person
}
