//go:build race

package mcptest

// raceEnv keeps a child built with the race detector from sleeping for a second
// when it exits, which would spoil every test of how fast things end.
const raceEnv = "atexit_sleep_ms=0"
