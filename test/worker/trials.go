package worker

import "slices"

// Trials are all trials. Those that take the longest come first.
func Trials() []Trial {
	return slices.Concat(faultTrials, clockTrials, authorTrials(), logTrials(), idTrials, dataTrials, attackTrials)
}
