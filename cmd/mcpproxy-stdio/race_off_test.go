//go:build !race

package main

import "time"

// endSlack is added to the bounds for endings: none in a normal build.
const endSlack = time.Duration(0)

// raceFactor multiplies the bounds for memory.
const raceFactor = 1
