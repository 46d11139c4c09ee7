//go:build race

package main

import "time"

// endSlack is added to the bounds for endings: the race detector makes every process start and end several times slower.
const endSlack = 2 * time.Second

// raceFactor multiplies the bounds for memory: the race detector keeps shadow memory for each byte in use.
const raceFactor = 4
