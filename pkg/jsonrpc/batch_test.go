package jsonrpc

import (
	"errors"
	"strings"
	"testing"
)

// TestBatchMost: elements of two bytes each would take twenty times the memory of the batch.
func TestBatchMost(t *testing.T) {
	if items, err := Batch([]byte("[" + strings.Repeat("0,", MaxBatch-1) + "0]")); err != nil || len(items) != MaxBatch {
		t.Errorf("%d elements, %v", len(items), err)
	}
	if items, err := Batch([]byte("[" + strings.Repeat("0,", MaxBatch) + "0]")); !errors.Is(err, ErrInvalid) || len(items) > MaxBatch {
		t.Errorf("%d elements, %v", len(items), err)
	}
}
