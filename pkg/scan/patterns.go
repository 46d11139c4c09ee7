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
}

func one(of ...concept) []concept { return of }

// patterns say how people order a model about. None names a particular attack's words; each is a way of giving an order, of
// taking something, of keeping it from the user. They are made when they are first needed.
var patterns = sync.OnceValue(func() []pattern {
	return []pattern{
		// What came before shall not count.
		{rule: "override", weight: 60, gap: 3, steps: [][]concept{one(ignore), one(prior, you, safety, system, model), one(instruction, safety)}, unless: not | detect},
		{rule: "override", weight: 55, gap: 2, steps: [][]concept{one(ignore), one(every), one(instruction)}, unless: not | detect},
		{rule: "override", weight: 45, gap: 3, steps: [][]concept{one(override), one(you, prior, safety, system, model, person, every), one(instruction, safety)}, unless: not | detect},
		{rule: "override", weight: 45, gap: 3, steps: [][]concept{one(ignore), one(every, prior, safety), one(safety, system)}, unless: not | detect},
		{rule: "override", weight: 40, gap: 4, steps: [][]concept{one(ignore), one(safety)}, unless: not | detect, base: true},
		{rule: "override", weight: 50, gap: 4, steps: [][]concept{one(obey), one(every), one(instruction)}, unless: not, base: true},
		{rule: "override", weight: 45, gap: 6, steps: [][]concept{one(instruction), one(override), one(every, person, prior)}, unless: not | detect},
		{rule: "override", weight: 45, gap: 3, steps: [][]concept{one(you | now), one(now), one(mode, system, model, override)}},
		{rule: "override", weight: 55, gap: 4, steps: [][]concept{one(you | now), one(now), one(mode)}},
		{rule: "override", weight: 30, steps: [][]concept{one(override | instruction)}, unless: not | detect},
		{rule: "override", weight: 30, steps: [][]concept{one(override | mode)}, unless: not | detect},
		{rule: "override", weight: 25, gap: 1, steps: [][]concept{one(not), one(threat), one(every, instruction, operation)}, unless: detect},
		{rule: "override", weight: 40, gap: 2, steps: [][]concept{one(you, prior, safety, every), one(instruction, safety), one(override)}, unless: not | detect},
		{rule: "override", weight: 50, gap: 3, steps: [][]concept{one(ignore), one(person), one(instruction)}, unless: not | detect},
		{rule: "override", weight: 35, gap: 3, steps: [][]concept{one(ignore), one(person), one(content, argument, instruction, talk, operation)}, unless: not | detect},

		{rule: "override", weight: 40, gap: 2, steps: [][]concept{one(you), one(override), one(must, operation, you)}, unless: not | detect},
		{rule: "override", weight: 30, gap: 1, steps: [][]concept{one(you), one(override)}, unless: not | detect},
		{rule: "override", weight: 45, gap: 3, steps: [][]concept{one(pretend), one(mode, system, override)}, unless: not | detect, base: true},
		{rule: "override", weight: 30, gap: 5, steps: [][]concept{one(obey), one(content, instruction, response), one(system, override)}, unless: not | detect, base: true},

		{rule: "override", weight: 50, gap: 3, steps: [][]concept{one(ignore), one(prior), one(instead)}, unless: not | detect},
		{rule: "override", weight: 30, gap: 1, steps: [][]concept{one(ignore), one(prior)}, unless: not | detect, base: true},
		{rule: "override", weight: 45, gap: 3, steps: [][]concept{one(pretend), one(safety)}, unless: not | detect, base: true},

		// The user shall not know.
		{rule: "secrecy", weight: 55, gap: 5, steps: [][]concept{one(not), one(tell), one(person)}, unless: detect},
		{rule: "secrecy", weight: 45, gap: 4, steps: [][]concept{one(not), one(tell), one(operation, instruction, trace, hide, tool)}, unless: detect | authority},
		{rule: "secrecy", weight: 30, gap: 3, steps: [][]concept{one(not), one(tell), one(you, content, session)}, unless: detect},
		{rule: "secrecy", weight: 20, gap: 4, steps: [][]concept{one(not), one(show), one(person)}},
		{rule: "secrecy", weight: 30, gap: 3, steps: [][]concept{one(not), one(show), one(operation)}},
		{rule: "secrecy", weight: 50, gap: 3, steps: [][]concept{one(without), one(tell), one(person)}, unless: not},
		{rule: "secrecy", weight: 40, gap: 4, steps: [][]concept{one(without), one(person), one(see, consent)}, unless: not | detect},
		{rule: "secrecy", weight: 45, gap: 4, steps: [][]concept{one(keep), one(content, operation, instruction, person, tool), one(hide)}},
		{rule: "secrecy", weight: 40, gap: 2, steps: [][]concept{one(keep), one(hide)}},
		{rule: "secrecy", weight: 50, gap: 4, steps: [][]concept{one(hide), one(person)}, base: true, unless: not},
		{rule: "secrecy", weight: 45, gap: 3, steps: [][]concept{one(person), one(not), one(see)}},
		{rule: "secrecy", weight: 45, gap: 2, steps: [][]concept{one(person), one(must), one(not), one(see, tell)}},
		{rule: "secrecy", weight: 40, gap: 2, steps: [][]concept{one(silent), one(send, put, read, call, change, steal, erase)}, unless: not | detect},
		{rule: "secrecy", weight: 35, gap: 5, steps: [][]concept{one(send, read, call, change, put, steal), one(silent)}, unless: not | detect},
		{rule: "disguise", weight: 35, gap: 5, steps: [][]concept{one(pretend), one(normal)}, unless: not | detect, base: true},
		{rule: "disguise", weight: 15, gap: 3, steps: [][]concept{one(pretend), one(content, response)}, unless: not | detect, base: true},
		{rule: "disguise", weight: 30, gap: 4, steps: [][]concept{one(pretend), one(pretend), one(normal)}},

		// Nobody is asked.
		{rule: "consent", weight: 35, gap: 2, steps: [][]concept{one(without), one(consent), one(person)}, unless: not | detect},
		{rule: "consent", weight: 30, gap: 3, steps: [][]concept{one(without), one(person), one(consent)}, unless: not | detect},
		{rule: "consent", weight: 50, gap: 4, steps: [][]concept{one(person), one(approve | consent)}, unless: not | when},
		{rule: "consent", weight: 20, gap: 3, steps: [][]concept{one(without), one(consent, show), one(consent)}, unless: not | detect},
		{rule: "consent", weight: 45, gap: 3, steps: [][]concept{one(override), one(consent)}, unless: not, base: true},

		// What is nobody's business is taken.
		{rule: "secret-read", weight: 45, gap: 5, steps: [][]concept{one(read), one(path)}, unless: not | detect, base: true},
		{rule: "secret-read", weight: 20, gap: 5, steps: [][]concept{one(read), one(path)}, unless: not | detect},
		{rule: "secret-read", weight: 60, gap: 5, steps: [][]concept{one(must, first, before, when), one(read), one(path)}, unless: not | detect},
		{rule: "secret-read", weight: 60, gap: 5, steps: [][]concept{one(must, first, before), one(call), one(identifier, tool, shell), one(path)}, unless: not | detect},
		{rule: "secret-read", weight: 55, gap: 5, steps: [][]concept{one(must, first, before, when), one(put, send), one(content), one(path)}, unless: not | detect},
		{rule: "secret-read", weight: 40, gap: 6, steps: [][]concept{one(put, send), one(path)}, unless: not | detect, base: true},
		{rule: "secret-read", weight: 20, gap: 4, steps: [][]concept{one(call), one(identifier, shell), one(path)}, unless: not | detect},
		{rule: "secret-read", weight: 25, gap: 4, steps: [][]concept{one(read, put, send), one(every, you, person), one(secret)}, unless: not | detect, base: true},
		{rule: "secret-read", weight: 30, gap: 5, steps: [][]concept{one(must), one(read, send, put), one(secret)}, unless: not | detect | without},
		{rule: "secret-read", weight: 30, gap: 6, steps: [][]concept{one(secret), one(send, put), one(argument, address, response, content)}, unless: not | detect | must},
		{rule: "secret-read", weight: 40, gap: 6, steps: [][]concept{one(secret), one(send), one(address)}, unless: not | detect},
		{rule: "secret-read", weight: 30, gap: 5, steps: [][]concept{one(steal), one(secret, path, talk, content, person)}, unless: not | detect},
		{rule: "conversation-read", weight: 35, gap: 5, steps: [][]concept{one(read, put, send), one(talk)}, unless: not | detect, base: true},
		{rule: "conversation-read", weight: 30, gap: 5, steps: [][]concept{one(must), one(read, put, send), one(talk)}, unless: not | detect},
		{rule: "conversation-read", weight: 25, gap: 6, steps: [][]concept{one(talk), one(send, put), one(argument, address, tool)}, unless: not | detect},

		{rule: "conversation-read", weight: 40, gap: 2, steps: [][]concept{one(show, read), one(you), one(talk, instruction)}, unless: not | detect | person, base: true},
		{rule: "conversation-read", weight: 45, gap: 2, steps: [][]concept{one(tell), one(you), one(talk, instruction)}, unless: not | detect | person, base: true},
		{rule: "conversation-read", weight: 30, gap: 5, steps: [][]concept{one(read, show, put, send), one(every, tool), one(tool, you), one(you, put, send)}, base: true},

		{rule: "conversation-read", weight: 45, gap: 4, steps: [][]concept{one(you), one(response), one(talk)}, unless: not | detect},
		{rule: "secret-read", weight: 45, gap: 2, steps: [][]concept{one(tell), one(hide), one(content)}, unless: not | detect, base: true},
		{rule: "secret-read", weight: 45, gap: 3, steps: [][]concept{one(must), one(read, send), one(person, you), one(secret)}, unless: not | detect | without},

		// It goes somewhere.
		{rule: "send-out", weight: 25, gap: 8, steps: [][]concept{one(send), one(address)}, unless: not | detect, base: true},
		{rule: "send-out", weight: 20, gap: 8, steps: [][]concept{one(put), one(address)}, unless: not | detect, base: true},
		{rule: "send-out", weight: 30, gap: 4, steps: [][]concept{one(send), one(every), one(operation, money, talk, content)}, unless: not | detect, base: true},

		// Arguments become others.
		{rule: "argument-rewrite", weight: 45, gap: 3, steps: [][]concept{one(change, put), one(recipient), one(address)}, unless: not | detect, base: true},
		{rule: "argument-rewrite", weight: 30, gap: 4, steps: [][]concept{one(change), one(recipient, argument), one(content, address, response, identifier, foreignTool)}, unless: not | detect, base: true},
		{rule: "argument-rewrite", weight: 45, gap: 3, steps: [][]concept{one(send, change), one(every), one(money), one(address, recipient)}, unless: not},
		{rule: "argument-rewrite", weight: 25, gap: 4, steps: [][]concept{one(put), one(content, path, talk, secret), one(argument)}, unless: not | detect, base: true},
		{rule: "argument-rewrite", weight: 35, gap: 4, steps: [][]concept{one(change), one(argument, recipient, content), one(before), one(operation, call, send)}, unless: not | detect},
		{rule: "argument-rewrite", weight: 30, gap: 4, steps: [][]concept{one(put), one(content, operation), one(every), one(shell, operation)}, base: true, unless: not},

		{rule: "argument-rewrite", weight: 40, gap: 3, steps: [][]concept{one(must), one(change), one(content, argument), one(content, argument, response)}, unless: not | detect | person},
		{rule: "argument-rewrite", weight: 30, gap: 3, steps: [][]concept{one(change), one(content, argument), one(response, identifier, otherTool)}, unless: not | detect, base: true},
		{rule: "argument-rewrite", weight: 30, gap: 2, steps: [][]concept{one(change), one(recipient)}, unless: not | detect, base: true},
		{rule: "argument-rewrite", weight: 35, gap: 4, steps: [][]concept{one(address), one(recipient), one(every), one(operation)}},
		{rule: "argument-rewrite", weight: 35, gap: 3, steps: [][]concept{one(recipient, argument, content), one(must), one(change)}, unless: not | detect},
		{rule: "argument-rewrite", weight: 30, gap: 3, steps: [][]concept{one(must), one(put), one(address)}, unless: not | detect},
		{rule: "argument-rewrite", weight: 30, gap: 2, steps: [][]concept{one(address), one(recipient)}, unless: not | detect},
		{rule: "argument-rewrite", weight: 25, gap: 3, steps: [][]concept{one(change), one(argument, content), one(address, argument, content)}, unless: not | detect, base: true},

		{rule: "argument-rewrite", weight: 35, gap: 3, steps: [][]concept{one(must), one(call), one(argument, recipient), one(address)}, unless: not},
		{rule: "send-out", weight: 25, gap: 3, steps: [][]concept{one(call), one(identifier, otherTool), one(address)}, unless: not | detect},

		// Other tools are meddled with.
		{rule: "hook", weight: 30, gap: 3, steps: [][]concept{one(when, before, after), one(every), one(operation, otherTool, send)}, unless: not},
		{rule: "hook", weight: 35, gap: 4, steps: [][]concept{one(when), one(identifier), one(call)}},
		{rule: "hook", weight: 25, gap: 5, steps: [][]concept{one(before, after), one(call), one(every, instead), one(tool)}},
		{rule: "hook", weight: 45, gap: 3, steps: [][]concept{one(when), one(every), one(otherTool), one(call)}},
		{rule: "prerequisite", weight: 25, gap: 2, steps: [][]concept{one(before, after), one(call), one(identifier)}},
		{rule: "prerequisite", weight: 25, gap: 2, steps: [][]concept{one(before, after), one(identifier), one(call)}},
		{rule: "hook", weight: 10, gap: 3, steps: [][]concept{one(when), one(person), one(show, call, send, see)}},
		{rule: "hook", weight: 15, gap: 3, steps: [][]concept{one(when), one(operation, tool), one(call, send)}},

		{rule: "hook", weight: 45, gap: 2, steps: [][]concept{one(call), one(when), one(identifier), one(call)}},
		{rule: "hook", weight: 45, gap: 3, steps: [][]concept{one(steal), one(identifier, otherTool)}, unless: not | detect},
		{rule: "priority", weight: 45, gap: 3, steps: [][]concept{one(every), one(must), one(not), one(call)}},

		// Something has to be done first that has nothing to do with the task.
		{rule: "prerequisite", weight: 30, gap: 3, steps: [][]concept{one(must, first), one(call), one(identifier, otherTool)}, unless: not},
		{rule: "prerequisite", weight: 25, gap: 3, steps: [][]concept{one(identifier, otherTool), one(must), one(call)}, unless: not},
		{rule: "prerequisite", weight: 25, gap: 3, steps: [][]concept{one(after), one(identifier, otherTool), one(call)}},
		{rule: "prerequisite", weight: 20, gap: 5, steps: [][]concept{one(before, when), one(call), one(identifier, otherTool)}, unless: not},
		{rule: "prerequisite", weight: 20, gap: 2, steps: [][]concept{one(model), one(must), one(call, read, send, put, first)}},
		{rule: "prerequisite", weight: 30, gap: 4, steps: [][]concept{one(tool, identifier), one(must), one(call), one(before, first), one(every, operation)}},
		{rule: "prerequisite", weight: 45, gap: 3, steps: [][]concept{one(tool), one(must), one(call), one(first, before), one(every)}, unless: not},
		{rule: "prerequisite", weight: 35, gap: 4, steps: [][]concept{one(must, first), one(erase), one(every, content, identifier, trace)}, unless: not},
		{rule: "false-authority", weight: 15, gap: 3, steps: [][]concept{one(must, first, call), one(authority | operation)}, unless: detect},
		{rule: "false-authority", weight: 15, gap: 4, steps: [][]concept{one(authority | operation), one(must, before, first)}, unless: detect},
		{rule: "threat", weight: 12, gap: 5, steps: [][]concept{one(threat), one(threat, not)}},
		{rule: "threat", weight: 12, gap: 4, steps: [][]concept{one(threat), one(operation, tool, call)}},
		{rule: "threat", weight: 12, gap: 3, steps: [][]concept{one(operation, tool, call), one(threat)}},
		{rule: "false-authority", weight: 10, gap: 8, steps: [][]concept{one(must, first), one(call, put), one(authority)}, unless: detect},
		{rule: "false-authority", weight: 25, gap: 2, steps: [][]concept{one(obey), one(authority), one(authority, instruction)}},

		{rule: "hook", weight: 50, gap: 5, steps: [][]concept{one(foreignTool), one(instead, change)}},
		{rule: "hook", weight: 50, gap: 5, steps: [][]concept{one(instead, change), one(foreignTool)}},
		{rule: "hook", weight: 45, gap: 5, steps: [][]concept{one(foreignTool), one(must, before, after, when)}},
		{rule: "hook", weight: 45, gap: 5, steps: [][]concept{one(must, before, after, when), one(foreignTool)}},
		{rule: "hook", weight: 30, gap: 2, steps: [][]concept{one(call), one(foreignTool)}},
		{rule: "priority", weight: 30, gap: 8, steps: [][]concept{one(when), one(call), one(identifier, tool), one(instead)}},
		{rule: "hook", weight: 35, gap: 4, steps: [][]concept{one(when), one(otherTool), one(call)}},
		{rule: "hook", weight: 25, gap: 4, steps: [][]concept{one(before, after), one(call), one(operation, otherTool, identifier), one(call), one(tool)}},
		{rule: "priority", weight: 30, gap: 4, steps: [][]concept{one(call), one(tool), one(instead), one(every, prior, identifier, foreignTool)}},
		{rule: "priority", weight: 35, gap: 3, steps: [][]concept{one(every), one(operation), one(must), one(call), one(tool)}},
		{rule: "priority", weight: 20, gap: 3, steps: [][]concept{one(every), one(operation), one(must, call), one(call, tool)}},
		{rule: "priority", weight: 50, gap: 3, steps: [][]concept{one(call), one(tool), one(instead), one(every), one(operation)}},
		{rule: "priority", weight: 20, gap: 3, steps: [][]concept{one(call), one(tool), one(instead), one(every)}},
		{rule: "priority", weight: 30, gap: 3, steps: [][]concept{one(not), one(call), one(every), one(tool)}},
		{rule: "priority", weight: 35, gap: 4, steps: [][]concept{one(override), one(every, person, prior), one(tool, instruction, operation)}, unless: not},
		{rule: "priority", weight: 50, gap: 3, steps: [][]concept{one(override), one(every), one(tool)}, unless: not},
		{rule: "persistence", weight: 30, gap: 3, steps: [][]concept{one(lasting), one(session, operation)}},
		{rule: "persistence", weight: 20, gap: 3, steps: [][]concept{one(lasting), one(you, must, when, call, silent)}},

		// It speaks as someone it is not.
		{rule: "false-authority", weight: 30, gap: 2, steps: [][]concept{one(system, authority), one(instruction, override, mode)}, unless: detect},
		{rule: "false-authority", weight: 20, gap: 1, steps: [][]concept{one(must), one(authority), one(operation, authority)}, unless: detect},
		{rule: "false-authority", weight: 30, gap: 3, steps: [][]concept{one(must), one(system), one(authority, instruction)}, unless: detect},
		{rule: "false-authority", weight: 25, gap: 3, steps: [][]concept{one(must), one(authority | must), one(system, authority)}, unless: detect},

		{rule: "delayed", weight: 35, gap: 6, steps: [][]concept{one(after), one(approve, consent), one(silent, steal, shell)}},
		{rule: "delayed", weight: 35, gap: 6, steps: [][]concept{one(steal, silent), one(after), one(approve, consent)}},
		{rule: "delayed", weight: 25, gap: 6, steps: [][]concept{one(after), one(approve), one(change, call)}, unless: person},

		// Programs are fetched and run.
		{rule: "shell", weight: 50, gap: 4, steps: [][]concept{one(call), one(shell), one(address), one(shell)}, unless: not | detect, base: true},
		{rule: "shell", weight: 45, gap: 4, steps: [][]concept{one(call), one(shell), one(shell), one(address)}, unless: not | detect, base: true},
		{rule: "shell", weight: 30, gap: 6, steps: [][]concept{one(must, before, first), one(call), one(shell), one(address)}, unless: not | detect},
		{rule: "shell", weight: 20, gap: 5, steps: [][]concept{one(shell), one(address), one(shell)}, unless: detect},
		{rule: "settings", weight: 50, gap: 6, steps: [][]concept{one(put, change), one(setting)}, unless: not | detect, base: true},
		{rule: "settings", weight: 40, gap: 8, steps: [][]concept{one(setting), one(approve)}, unless: detect},
		{rule: "settings", weight: 40, gap: 8, steps: [][]concept{one(approve), one(setting)}, unless: detect},
		{rule: "traces", weight: 35, gap: 3, steps: [][]concept{one(erase), one(trace), one(operation)}, unless: not, base: true},
		{rule: "answers", weight: 20, gap: 4, steps: [][]concept{one(must), one(put, tell), one(you), one(response)}},

		// The same in other languages, in whose sentences the order differs.
		{rule: "override", weight: 60, gap: 12, free: true, steps: [][]concept{one(ignore | foreignWord), one(prior|foreignWord, every|foreignWord), one(instruction|foreignWord, instruction)}},
		{rule: "secrecy", weight: 55, gap: 12, free: true, steps: [][]concept{one(not|foreignWord, without|foreignWord), one(tell | foreignWord), one(person | foreignWord)}},
		{rule: "secrecy", weight: 40, gap: 12, free: true, steps: [][]concept{one(silent | foreignWord), one(send|foreignWord, read|foreignWord, put|foreignWord)}},
		{rule: "secret-read", weight: 45, gap: 12, free: true, steps: [][]concept{one(read|foreignWord, put|foreignWord, send|foreignWord), one(path)}},
		{rule: "secret-read", weight: 40, gap: 12, free: true, steps: [][]concept{one(read|foreignWord, send|foreignWord), one(secret|foreignWord, secret), one(must|foreignWord, address, put|foreignWord, before|foreignWord)}},
		{rule: "send-out", weight: 25, gap: 12, free: true, steps: [][]concept{one(send | foreignWord), one(address)}},
		{rule: "conversation-read", weight: 35, gap: 12, free: true, steps: [][]concept{one(send|foreignWord, put|foreignWord, read|foreignWord), one(talk | foreignWord), one(address, must|foreignWord, argument, tool|foreignWord)}},
	}
})
