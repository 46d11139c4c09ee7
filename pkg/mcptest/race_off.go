//go:build !race

package mcptest

const raceEnv = ""
