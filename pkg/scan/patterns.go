package scan

import "sync"

// pattern is a sign of hostility: words about these things, in this order, near to one another in a sentence.
type pattern struct {
	rule   string
	weight int
	gap    int         // how many other words may stand between two steps
	steps  [][]concept // each is one of several things, all bits of which a word must have
	unless concept     // not when one of these stands within three words before it
	free   bool        // in any order, for languages other than English
	base   bool        // the first step is an order, not what a tool says of itself ("reads")
	bar    concept     // none of these stands between two steps
	clause bool        // no comma does
	asks   bool        // a parameter's description that says so asks for it
	lead   string      // the first step is one of these words, with a space on either side
}

func one(of ...concept) []concept { return of }

// patterns say how people order a model about. None names a particular attack's words; each is a way of giving an order, of
// taking something, of keeping it from the user. They are made when they are first needed.
var patterns = sync.OnceValue(func() []pattern {
	return []pattern{
		// What came before shall not count.
		{rule: "override", weight: 60, gap: 3, steps: [][]concept{one(ignore), one(prior, you, safety, system, model), one(instruction, safety)}, unless: not | detect},
		{rule: "override", weight: 55, gap: 2, steps: [][]concept{one(ignore), one(every), one(instruction)}, unless: not | detect},
		{rule: "override", weight: 35, gap: 3, steps: [][]concept{one(override), one(you, prior, safety, system, model, person, every), one(instruction, safety)}, unless: not | detect},
		{rule: "override", weight: 45, gap: 3, steps: [][]concept{one(ignore), one(every, prior, safety), one(safety, system)}, unless: not | detect},
		{rule: "override", weight: 25, gap: 4, steps: [][]concept{one(ignore, override), one(safety)}, unless: not | detect, base: true},
		{rule: "override", weight: 45, gap: 3, steps: [][]concept{one(obey), one(every), one(instruction)}, unless: not, base: true},
		{rule: "override", weight: 45, gap: 5, steps: [][]concept{one(instruction), one(override), one(every, person, prior)}, unless: not | detect},
		{rule: "override", weight: 50, gap: 4, steps: [][]concept{one(you, prior, safety, every, model), one(instruction, safety), one(override, ignore)}, unless: not | detect},
		{rule: "override", weight: 45, gap: 3, steps: [][]concept{one(ignore), one(person, model), one(instruction, content, argument, talk, operation)}, unless: not | detect, base: true},
		{rule: "override", weight: 45, gap: 2, steps: [][]concept{one(ignore), one(person)}, unless: not | detect, base: true},
		{rule: "override", weight: 30, gap: 1, steps: [][]concept{one(ignore), one(prior)}, unless: not | detect, base: true},
		{rule: "override", weight: 60, gap: 3, steps: [][]concept{one(ignore), one(prior), one(instead)}, unless: not | detect},
		{rule: "override", weight: 30, gap: 0, steps: [][]concept{one(override | instruction)}, unless: not | detect},
		{rule: "override", weight: 55, gap: 2, steps: [][]concept{one(you), one(override), one(must, operation, you, best)}, unless: not | detect},
		{rule: "override", weight: 35, gap: 3, steps: [][]concept{one(pretend), one(system, override, model)}, unless: not | detect, base: true},
		{rule: "override", weight: 55, gap: 3, steps: [][]concept{one(you), one(pretend), one(system, override, model, safety)}, unless: not | detect},
		{rule: "override", weight: 60, gap: 4, steps: [][]concept{one(pretend), one(safety)}, unless: not | detect, base: true},
		{rule: "override", weight: 35, gap: 4, steps: [][]concept{one(obey), one(content, instruction, response), one(system, override)}, unless: not | detect, base: true},
		{rule: "override", weight: 30, gap: 2, steps: [][]concept{one(person), one(instruction, consent, content), one(override, ignore)}, unless: not | detect},
		{rule: "override", weight: 55, gap: 3, steps: [][]concept{one(you), one(model), one(read), one(must, call)}, unless: not | detect},

		// The user shall not know, or is told what isn't so.
		{rule: "secrecy", weight: 55, gap: 3, steps: [][]concept{one(not), one(tell), one(person)}, unless: detect, bar: call | put | change, base: true, clause: true},
		{rule: "secrecy", weight: 50, gap: 4, steps: [][]concept{one(must), one(not), one(tell, see), one(person)}, unless: detect, clause: true},
		{rule: "secrecy", weight: 55, gap: 3, steps: [][]concept{one(not), one(tell), one(operation, instruction, trace, hide)}, unless: detect | authority, bar: call | put, base: true, clause: true},
		{rule: "secrecy", weight: 30, gap: 2, steps: [][]concept{one(not), one(see|person, person), one(see)}, unless: detect, base: true, clause: true},
		{rule: "secrecy", weight: 50, gap: 3, steps: [][]concept{one(person), one(not), one(must), one(see, tell)}},
		{rule: "secrecy", weight: 45, gap: 3, steps: [][]concept{one(without), one(tell), one(person)}, unless: not},
		{rule: "secrecy", weight: 25, gap: 3, steps: [][]concept{one(without), one(person), one(consent)}, unless: not | detect},
		{rule: "secrecy", weight: 45, gap: 3, steps: [][]concept{one(keep), one(content, operation, instruction, person, tool, trace), one(hide)}},
		{rule: "secrecy", weight: 45, gap: 2, steps: [][]concept{one(keep), one(hide)}},
		{rule: "secrecy", weight: 60, gap: 0, steps: [][]concept{one(silent | hide)}, unless: detect},
		{rule: "secrecy", weight: 45, gap: 2, steps: [][]concept{one(silent), one(send, put, read, call, change, steal, erase)}, unless: not | detect, base: true},
		{rule: "secrecy", weight: 45, gap: 2, steps: [][]concept{one(keep), one(hide), one(person)}, unless: detect},
		{rule: "disguise", weight: 35, gap: 5, steps: [][]concept{one(pretend), one(normal)}, unless: not | detect, base: true},
		{rule: "disguise", weight: 45, gap: 3, steps: [][]concept{one(not), one(show, tell), one(threat)}, unless: detect, base: true, clause: true},
		{rule: "disguise", weight: 35, gap: 3, steps: [][]concept{one(show, tell), one(not), one(threat, poor)}, unless: detect, base: true},
		{rule: "disguise", weight: 30, gap: 3, steps: [][]concept{one(despite), one(response, content, tool), one(show)}, unless: detect},
		{rule: "disguise", weight: 45, gap: 3, steps: [][]concept{one(every, must), one(approve), one(show, tell)}, unless: not | detect},
		{rule: "answers", weight: 15, gap: 4, steps: [][]concept{one(put, show, tell), one(response, content, address, best), one(every, you), one(response)}, unless: not | detect, base: true},
		{rule: "answers", weight: 50, gap: 2, steps: [][]concept{one(every), one(response), one(you)}, unless: not | detect},

		{rule: "secrecy", weight: 30, gap: 3, steps: [][]concept{one(send, put, read, call, change, steal, erase), one(silent)}, unless: not | detect, base: true, clause: true},
		{rule: "secrecy", weight: 50, gap: 3, steps: [][]concept{one(must, when, every), one(send, put, read, call, change, steal, erase), one(silent)}, unless: not | detect},
		{rule: "disguise", weight: 45, gap: 4, steps: [][]concept{one(when), one(threat), one(show, tell), one(normal)}, unless: not | detect},
		{rule: "answers", weight: 45, gap: 2, steps: [][]concept{one(response), one(must), one(put, first)}, unless: not | detect, clause: true},
		{rule: "answers", weight: 45, gap: 1, steps: [][]concept{one(first, put), one(every), one(response)}, unless: not | detect, base: true},

		// Nobody is asked.
		{rule: "consent", weight: 25, gap: 2, steps: [][]concept{one(override), one(consent)}, unless: not | detect, base: true},
		{rule: "consent", weight: 45, gap: 3, steps: [][]concept{one(override), one(consent), one(tool, call, operation)}, unless: not | detect, base: true},
		{rule: "consent", weight: 45, gap: 4, steps: [][]concept{one(put, change), one(call), one(without), one(consent)}, unless: not | detect, base: true},
		{rule: "consent", weight: 50, gap: 2, steps: [][]concept{one(without), one(consent), one(person)}, unless: not | detect},
		{rule: "consent", weight: 35, gap: 3, steps: [][]concept{one(without), one(person), one(consent)}, unless: not | detect},
		{rule: "consent", weight: 20, gap: 1, steps: [][]concept{one(without), one(consent)}, unless: not | detect, base: true},
		{rule: "consent", weight: 50, gap: 4, steps: [][]concept{one(person), one(approve | consent)}, unless: not | when},
		{rule: "consent", weight: 55, gap: 3, steps: [][]concept{one(consent), one(approve, normal), one(every, tool, operation)}, unless: not | when | must},

		// What is nobody's business is taken.
		{rule: "secret-read", weight: 60, gap: 5, steps: [][]concept{one(read), one(path)}, unless: not | detect, base: true},
		{rule: "secret-read", weight: 60, gap: 5, steps: [][]concept{one(must, first, before, when), one(read), one(path)}, unless: not | detect},
		{rule: "secret-read", weight: 60, gap: 5, steps: [][]concept{one(must, first, before), one(call), one(identifier, tool, shell), one(path)}, unless: not | detect},
		{rule: "secret-read", weight: 55, gap: 5, steps: [][]concept{one(must, first, before, when), one(put, send), one(content), one(path)}, unless: not | detect},
		{rule: "secret-read", weight: 50, gap: 4, steps: [][]concept{one(send, put), one(path), one(address)}, unless: not | detect, base: true},
		{rule: "secret-read", weight: 30, gap: 4, steps: [][]concept{one(path), one(put, send)}, unless: not | detect},
		{rule: "secret-read", weight: 25, gap: 3, steps: [][]concept{one(path), one(argument, content, response, address)}, unless: not | detect | must},
		{rule: "secret-read", weight: 25, gap: 4, steps: [][]concept{one(read, put, send), one(every, you, person), one(secret)}, unless: not | detect, base: true},
		{rule: "secret-read", weight: 25, gap: 5, steps: [][]concept{one(secret), one(send, put), one(argument, address)}, unless: not | detect | must},
		{rule: "secret-read", weight: 25, gap: 6, steps: [][]concept{one(secret), one(send), one(address)}, unless: not | detect},
		{rule: "secret-read", weight: 15, gap: 3, steps: [][]concept{one(send, put), one(secret), one(argument, tool, you, every)}, unless: not | detect, base: true},
		{rule: "secret-read", weight: 35, gap: 4, steps: [][]concept{one(steal), one(secret, path, talk, content, person, personal)}, unless: not | detect, base: true},
		{rule: "secret-read", weight: 50, gap: 3, steps: [][]concept{one(steal), one(secret, path, talk, personal)}, unless: not | detect},
		{rule: "secret-read", weight: 50, gap: 3, steps: [][]concept{one(must), one(read, send, put), one(person, you), one(secret)}, unless: not | detect | without},
		{rule: "secret-read", weight: 60, gap: 2, steps: [][]concept{one(tell), one(hide), one(content)}, unless: not | detect, base: true},
		{rule: "secret-read", weight: 45, gap: 4, steps: [][]concept{one(read), one(every, you, person), one(secret), one(put, send)}, unless: not | detect, base: true},
		{rule: "secret-read", weight: 50, gap: 5, steps: [][]concept{one(send), one(secret), one(address)}, unless: not | detect, base: true},
		{rule: "secret-read", weight: 50, gap: 4, steps: [][]concept{one(put, send), one(secret, hide, personal), one(you), one(see)}, unless: not | detect, base: true},
		{rule: "secret-read", weight: 30, gap: 3, steps: [][]concept{one(person, you), one(secret), one(put, send), one(tool, argument)}, unless: not | detect},
		{rule: "conversation-read", weight: 45, gap: 2, steps: [][]concept{one(every), one(person), one(show, talk), one(session, talk)}, unless: not | detect},
		{rule: "conversation-read", weight: 25, gap: 1, steps: [][]concept{one(every), one(talk)}, unless: not | detect, lead: " whole entire full complete ", asks: true},
		{rule: "conversation-read", weight: 30, gap: 4, steps: [][]concept{one(put, send), one(talk)}, unless: not | detect, base: true},
		{rule: "conversation-read", weight: 15, gap: 4, steps: [][]concept{one(read), one(talk)}, unless: not | detect, base: true},
		{rule: "conversation-read", weight: 30, gap: 4, steps: [][]concept{one(must), one(put, send), one(talk)}, unless: not | detect},
		{rule: "conversation-read", weight: 40, gap: 4, steps: [][]concept{one(talk), one(must), one(send, put)}, unless: not | detect},
		{rule: "conversation-read", weight: 35, gap: 5, steps: [][]concept{one(talk), one(send, put), one(argument, address, tool)}, unless: not | detect},
		{rule: "conversation-read", weight: 45, gap: 2, steps: [][]concept{one(tell), one(you), one(talk, instruction)}, unless: not | detect | person, base: true},
		{rule: "conversation-read", weight: 30, gap: 1, steps: [][]concept{one(show), one(every, talk, prior), one(prior, instruction)}, unless: not | detect, base: true},
		{rule: "conversation-read", weight: 45, gap: 3, steps: [][]concept{one(you), one(response), one(talk)}, unless: not | detect},
		{rule: "conversation-read", weight: 35, gap: 4, steps: [][]concept{one(must), one(put, send), one(person), one(personal, talk, secret)}, unless: not | detect},

		// It goes somewhere.
		{rule: "send-out", weight: 15, gap: 8, steps: [][]concept{one(send), one(address)}, unless: not | detect, base: true},
		{rule: "send-out", weight: 10, gap: 8, steps: [][]concept{one(put, read), one(address)}, unless: not | detect, base: true},
		{rule: "send-out", weight: 45, gap: 3, steps: [][]concept{one(send, put), one(every), one(operation, talk, content, personal, response), one(address)}, unless: not | detect, base: true},

		// Arguments become others.
		{rule: "argument-rewrite", weight: 45, gap: 3, steps: [][]concept{one(change, put), one(recipient), one(address)}, unless: not | detect, base: true},
		{rule: "argument-rewrite", weight: 30, gap: 3, steps: [][]concept{one(change), one(recipient), one(content, address, response, identifier, foreignTool)}, unless: not | detect, base: true},
		{rule: "argument-rewrite", weight: 45, gap: 3, steps: [][]concept{one(send, change), one(every), one(operation), one(address, recipient)}, unless: not, base: true},
		{rule: "argument-rewrite", weight: 25, gap: 4, steps: [][]concept{one(when, before, every, despite), one(operation, identifier, person, tool), one(must, change), one(change, recipient, argument, address)}, unless: detect},
		{rule: "argument-rewrite", weight: 35, gap: 4, steps: [][]concept{one(address), one(recipient), one(every), one(operation)}},
		{rule: "argument-rewrite", weight: 45, gap: 3, steps: [][]concept{one(must), one(put, change, send), one(address)}, unless: not | detect},
		{rule: "argument-rewrite", weight: 30, gap: 3, steps: [][]concept{one(call, change, send), one(address), one(instead, despite, every)}, unless: not | detect, base: true},
		{rule: "argument-rewrite", weight: 15, gap: 3, steps: [][]concept{one(put, change), one(shell), one(shell, operation)}, unless: not | detect, base: true},
		{rule: "argument-rewrite", weight: 55, gap: 3, steps: [][]concept{one(recipient), one(must, change), one(put, change), one(address)}, unless: not | detect},
		{rule: "argument-rewrite", weight: 55, gap: 4, steps: [][]concept{one(before, when, every), one(operation, send), one(change), one(recipient, address, argument, operation)}, unless: not | detect},
		{rule: "argument-rewrite", weight: 30, gap: 3, steps: [][]concept{one(despite), one(recipient, person), one(send, change, put)}, unless: not | detect},
		{rule: "argument-rewrite", weight: 20, gap: 3, steps: [][]concept{one(every), one(shell, operation), one(must, put, change), one(address, shell, before, put)}, unless: not | detect},
		{rule: "argument-rewrite", weight: 35, gap: 3, steps: [][]concept{one(change, put), one(address), one(every), one(setting, operation, content, session, response)}, unless: not | detect, base: true},
		{rule: "argument-rewrite", weight: 45, gap: 3, steps: [][]concept{one(when, before), one(identifier, otherTool, foreignTool), one(must, change, put), one(recipient, argument, address, change)}, unless: not | detect},

		{rule: "argument-rewrite", weight: 40, gap: 4, steps: [][]concept{one(despite), one(person), one(put, show, argument)}, unless: not | detect, bar: not},
		{rule: "argument-rewrite", weight: 45, gap: 4, steps: [][]concept{one(instead), one(person), one(put, show)}, unless: not | detect, bar: not, lead: " instead rather "},
		{rule: "argument-rewrite", weight: 45, gap: 3, steps: [][]concept{one(put, send), one(tool, identifier, foreignTool), one(must), one(change, put)}, unless: not | detect},

		// Other tools are meddled with.
		{rule: "hook", weight: 30, gap: 3, steps: [][]concept{one(instead), one(identifier, otherTool), one(poor)}, unless: not | detect},
		{rule: "hook", weight: 10, gap: 3, steps: [][]concept{one(when, before, after), one(every), one(operation, otherTool, send)}, unless: not},
		{rule: "hook", weight: 55, gap: 4, steps: [][]concept{one(when, before, after, despite), one(otherTool, foreignTool), one(must, call, put, change, send)}, unless: not},
		{rule: "hook", weight: 10, gap: 3, steps: [][]concept{one(call, identifier), one(before), one(every, otherTool, foreignTool, you), one(operation, otherTool, tool, call, response)}, unless: not},
		{rule: "hook", weight: 30, gap: 3, steps: [][]concept{one(call, first), one(before), one(otherTool, foreignTool)}, unless: not, base: true},
		{rule: "hook", weight: 60, gap: 2, steps: [][]concept{one(call), one(when), one(identifier), one(call)}},
		{rule: "hook", weight: 60, gap: 3, steps: [][]concept{one(steal), one(identifier, otherTool)}, unless: not | detect},
		{rule: "hook", weight: 35, gap: 3, steps: [][]concept{one(call, operation), one(otherTool, foreignTool), one(must), one(put, change, send, call)}},
		{rule: "hook", weight: 50, gap: 5, steps: [][]concept{one(foreignTool), one(instead, change)}},
		{rule: "hook", weight: 50, gap: 5, steps: [][]concept{one(instead, change), one(foreignTool)}},
		{rule: "hook", weight: 45, gap: 5, steps: [][]concept{one(foreignTool), one(must, before, after, when)}},
		{rule: "hook", weight: 45, gap: 5, steps: [][]concept{one(must, before, after, when), one(foreignTool)}},
		{rule: "hook", weight: 30, gap: 2, steps: [][]concept{one(call), one(foreignTool)}},
		{rule: "hook", weight: 45, gap: 2, steps: [][]concept{one(otherTool, foreignTool), one(best, not, must), one(call), one(after)}},
		{rule: "hook", weight: 35, gap: 4, steps: [][]concept{one(otherTool), one(poor, threat, override)}, unless: not},
		{rule: "hook", weight: 35, gap: 3, steps: [][]concept{one(not), one(approve, see), one(otherTool)}, unless: detect, base: true},
		{rule: "hook", weight: 35, gap: 3, steps: [][]concept{one(operation, content, response), one(must, call, send, change), one(tool, identifier), one(not), one(tool, identifier)}},
		{rule: "hook", weight: 35, gap: 4, steps: [][]concept{one(despite, when), one(otherTool, identifier), one(content, response, operation), one(tool)}},
		{rule: "hook", weight: 40, gap: 3, steps: [][]concept{one(must), one(call), one(after, before), one(every), one(person, operation, response)}, unless: not | detect},
		{rule: "hook", weight: 35, gap: 3, steps: [][]concept{one(identifier, otherTool), one(instead, override, ignore), one(identifier, operation, best, ignore)}, unless: not | detect},
		{rule: "hook", weight: 30, gap: 3, steps: [][]concept{one(call, send), one(every), one(operation, content, tool), one(identifier)}, unless: not | detect, base: true},

		// Something has to be done first that has nothing to do with the task.
		{rule: "prerequisite", weight: 15, gap: 3, steps: [][]concept{one(must, first), one(call), one(identifier, otherTool)}, unless: not},
		{rule: "prerequisite", weight: 30, gap: 3, steps: [][]concept{one(identifier, otherTool), one(must), one(call, before, first)}, unless: not},
		{rule: "prerequisite", weight: 55, gap: 3, steps: [][]concept{one(after), one(identifier, otherTool), one(call)}},
		{rule: "prerequisite", weight: 45, gap: 4, steps: [][]concept{one(not), one(call, operation, you, before), one(before), one(identifier, call)}},
		{rule: "prerequisite", weight: 60, gap: 3, steps: [][]concept{one(first), one(call, read), one(tool, identifier)}, unless: not},
		{rule: "prerequisite", weight: 20, gap: 3, steps: [][]concept{one(model), one(must), one(call, read, send, put, first, before)}},
		{rule: "prerequisite", weight: 40, gap: 3, steps: [][]concept{one(tool, identifier), one(must), one(first, before), one(every, you)}},

		// It speaks as someone it is not, and threatens.
		{rule: "false-authority", weight: 15, gap: 5, steps: [][]concept{one(must, first), one(call, put, send), one(authority)}, unless: detect},
		{rule: "false-authority", weight: 35, gap: 2, steps: [][]concept{one(obey), one(authority), one(authority, instruction)}},
		{rule: "false-authority", weight: 20, gap: 2, steps: [][]concept{one(system), one(instruction, override)}, unless: detect},
		{rule: "false-authority", weight: 30, gap: 3, steps: [][]concept{one(must), one(system), one(authority, instruction)}, unless: detect},

		// It wants to be preferred.
		{rule: "priority", weight: 45, gap: 3, steps: [][]concept{one(every, must, despite), one(instead, best), one(tool), one(every, otherTool, instead, despite, best)}},
		{rule: "priority", weight: 30, gap: 3, steps: [][]concept{one(call), one(tool), one(instead), one(every, prior, identifier, foreignTool)}},
		{rule: "priority", weight: 25, gap: 3, steps: [][]concept{one(call), one(tool), one(every), one(operation, operation|response)}, unless: not, base: true},
		{rule: "priority", weight: 55, gap: 3, steps: [][]concept{one(call), one(tool), one(instead), one(every), one(operation)}},
		{rule: "priority", weight: 35, gap: 2, steps: [][]concept{one(best), one(otherTool, tool|otherTool)}},
		{rule: "priority", weight: 35, gap: 3, steps: [][]concept{one(not), one(call, instead), one(otherTool)}, unless: detect, base: true},
		{rule: "priority", weight: 35, gap: 3, steps: [][]concept{one(override | best), one(tool)}, unless: not | detect},
		{rule: "priority", weight: 30, gap: 2, steps: [][]concept{one(ignore), one(otherTool)}, unless: not | detect, base: true},
		{rule: "priority", weight: 35, gap: 2, steps: [][]concept{one(every), one(operation), one(tool)}, unless: not | detect, clause: true},
		{rule: "priority", weight: 30, gap: 3, steps: [][]concept{one(call), one(every), one(operation), one(despite)}, unless: not | detect, base: true},

		// It gives orders for later.
		{rule: "persistence", weight: 25, gap: 3, steps: [][]concept{one(lasting), one(session, operation, every), one(must, call, put, send, response)}},
		{rule: "persistence", weight: 20, gap: 3, steps: [][]concept{one(lasting), one(you, must, when, silent)}},
		{rule: "persistence", weight: 45, gap: 3, steps: [][]concept{one(obey, keep, put), one(instruction), one(lasting, despite, before)}, unless: not, base: true},
		{rule: "persistence", weight: 35, gap: 3, steps: [][]concept{one(instruction), one(keep), one(lasting, every, despite)}},
		{rule: "persistence", weight: 25, gap: 3, steps: [][]concept{one(put, keep), one(lasting)}, unless: not | detect, base: true},
		{rule: "persistence", weight: 45, gap: 4, steps: [][]concept{one(obey), one(content, tool, send), one(lasting)}, unless: not | detect},
		{rule: "delayed", weight: 45, gap: 5, steps: [][]concept{one(after | lasting), one(show, send, read, change, put, call)}, unless: not | detect},
		{rule: "delayed", weight: 35, gap: 6, steps: [][]concept{one(after, before), one(approve, consent), one(silent, steal, shell, change, send)}},
		{rule: "delayed", weight: 45, gap: 5, steps: [][]concept{one(after), one(approve, consent, lasting), one(steal, silent, send, erase), one(content, personal, secret, talk, path, every, address)}, unless: not | detect},

		// Programs are fetched and run, settings and traces changed.
		{rule: "shell", weight: 30, gap: 4, steps: [][]concept{one(call), one(shell), one(address), one(shell)}, unless: not | detect, base: true},
		{rule: "shell", weight: 45, gap: 4, steps: [][]concept{one(call), one(shell), one(shell), one(address)}, unless: not | detect, base: true},
		{rule: "shell", weight: 55, gap: 6, steps: [][]concept{one(must, before, first), one(call), one(shell), one(address)}, unless: not | detect},
		{rule: "shell", weight: 30, gap: 5, steps: [][]concept{one(shell), one(address), one(shell)}, unless: detect},
		{rule: "shell", weight: 25, gap: 4, steps: [][]concept{one(shell), one(shell), one(address)}, unless: detect},
		{rule: "shell", weight: 30, gap: 3, steps: [][]concept{one(call), one(shell), one(erase, shell, path)}, unless: not | detect, base: true},
		{rule: "shell", weight: 30, gap: 3, steps: [][]concept{one(call, must, first), one(shell), one(address, path, personal)}, unless: not | detect, base: true},
		{rule: "shell", weight: 30, gap: 2, steps: [][]concept{one(call), one(shell), one(shell)}, unless: not | detect, base: true},
		{rule: "settings", weight: 60, gap: 5, steps: [][]concept{one(put, change, approve, call), one(setting)}, unless: not | detect, base: true},
		{rule: "settings", weight: 40, gap: 5, steps: [][]concept{one(approve), one(setting)}, unless: not | detect, base: true},
		{rule: "settings", weight: 20, gap: 3, steps: [][]concept{one(put, erase, override, ignore), one(setting)}, unless: not | detect, base: true},

		// The same in other languages, in whose sentences the order differs.
		{rule: "override", weight: 60, gap: 12, steps: [][]concept{one(ignore | foreignWord), one(prior|foreignWord, every|foreignWord), one(instruction|foreignWord, instruction)}, free: true},
		{rule: "override", weight: 45, gap: 12, steps: [][]concept{one(ignore | foreignWord), one(prior|foreignWord, instruction|foreignWord), one(must|foreignWord, talk|foreignWord, show|foreignWord)}, free: true},
		{rule: "secrecy", weight: 30, gap: 12, steps: [][]concept{one(not|foreignWord, without|foreignWord), one(tell | foreignWord), one(person | foreignWord)}, free: true},
		{rule: "secret-read", weight: 55, gap: 12, steps: [][]concept{one(read|foreignWord, put|foreignWord, send|foreignWord), one(path)}, free: true},
		{rule: "secret-read", weight: 45, gap: 12, steps: [][]concept{one(send | foreignWord), one(secret | foreignWord), one(address)}, free: true},
		{rule: "secret-read", weight: 55, gap: 16, steps: [][]concept{one(read | foreignWord), one(secret | foreignWord), one(put|foreignWord, send|foreignWord), one(before|foreignWord, must|foreignWord)}, free: true},
		{rule: "secret-read", weight: 40, gap: 12, steps: [][]concept{one(read|foreignWord, send|foreignWord), one(secret|foreignWord, secret), one(must|foreignWord, address, put|foreignWord, before|foreignWord)}, free: true},
		{rule: "send-out", weight: 20, gap: 12, steps: [][]concept{one(send | foreignWord), one(address)}, free: true},
		{rule: "conversation-read", weight: 35, gap: 12, steps: [][]concept{one(send|foreignWord, put|foreignWord, read|foreignWord), one(talk | foreignWord), one(address, must|foreignWord, argument, tool|foreignWord)}, free: true},
		{rule: "conversation-read", weight: 55, gap: 12, steps: [][]concept{one(before | foreignWord), one(tool | foreignWord), one(talk|foreignWord, secret|foreignWord)}, free: true},
		{rule: "conversation-read", weight: 55, gap: 12, steps: [][]concept{one(show | foreignWord), one(talk | foreignWord)}, free: true},
		{rule: "hook", weight: 40, gap: 12, steps: [][]concept{one(before | foreignWord), one(every | foreignWord), one(tool | foreignWord), one(call|foreignWord, must|foreignWord)}, free: true},
		{rule: "argument-rewrite", weight: 55, gap: 12, steps: [][]concept{one(change | foreignWord), one(address, recipient), one(every|foreignWord, not|foreignWord)}, free: true},
	}
})
