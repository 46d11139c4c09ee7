// Package oauth logs in to remote servers that ask for it with OAuth 2.1 (MCP 2025-11-25 and 2026-07-28, authorization),
// and keeps the logins: it finds the authorization server, registers, takes a person through the login, keeps and renews
// tokens, and puts them into requests.
//
// Logins are what one process knows; a Login is that of one server and account. What is durable is in the store, encrypted,
// and shared by all processes of the user: one of them logs in or renews while the others wait for the outcome. A Flow is one
// login that a person is asked for.
//
// It opens no browser and asks nobody unless the entry says so or a person does. All that metadata and answers say is
// hostile: URLs and addresses are checked before each use, bodies never get into an error, and what is quoted is escaped.
//
// Not here: who is asked and how that looks (session, builtin, cli), and the protocol of the server itself (transport).
package oauth
