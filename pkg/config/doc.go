// Package config turns a person's configuration file, and the one a workspace
// may carry, into one immutable, validated snapshot, changes single values of
// that file in place, and tells when it changed.
//
// It exists so that nothing else in the program has to know how the file looks:
// the documented array form, the object form of Claude, Cursor and VS Code, JSON
// with comments and trailing commas, other clients' options, references such as
// ${env:NAME}. Every problem names file, line, column, the offending text and
// what to do about it; one bad entry costs that entry, never the others.
//
// What it promises:
//   - Fail closed. An entry that cannot be understood, that asks for something
//     this version cannot do, or whose references cannot be resolved stays in the
//     snapshot with [Server.Refused] set, or fails in [Server.Resolve]; it never
//     runs with less than it asked for.
//   - The file is the person's. [Edit] keeps comments, order, unknown keys and
//     formatting, and never writes a default.
//   - Values of variables, headers and secrets appear in no message, and the
//     types that hold them ([Var], [Secret], [Launch]) redact themselves.
//
// What it does not do: it starts nothing, asks no keyring (the caller gives a
// [Resolver]), and decides nothing about trust beyond reading what was written.
package config
