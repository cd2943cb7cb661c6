package sim

import (
	"os"
	"runtime/debug"
	"testing"
)

// TestMain collects garbage less often: a seed makes much of it and keeps little. It takes two thirds of the processor time.
func TestMain(m *testing.M) {
	debug.SetGCPercent(1000)
	os.Exit(m.Run())
}
