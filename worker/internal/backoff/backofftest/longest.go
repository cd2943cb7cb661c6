// Package backofftest takes chance out of the pauses of package backoff, for tests that know when the next try comes.
package backofftest

import (
	"math"
	"math/rand/v2"
)

// Longest is randomness with which each pause is the longest that it may be.
func Longest() *rand.Rand { return rand.New(most{}) }

type most struct{}

func (most) Uint64() uint64 { return math.MaxUint64 }
