// Package quarantine decides what of a server may reach a client: nothing that is new or changed before a person has seen it.
//
// A Record is what is known and decided of one entry of a configuration: the launch that was approved, the definitions that were approved
// as the bytes the server sent, and those that wait for a review. What stands to be decided is a Proposal, named by a digest
// over the launch and every definition; approving any other digest fails. A Book keeps the records, and the log of all
// decisions, in the state directory, for any number of processes.
//
// Nothing here talks to a server or to a person: it says what may be served, and takes down what was decided. What a
// model sends is never a decision; who asks the person is package hub, or the command line.
package quarantine
