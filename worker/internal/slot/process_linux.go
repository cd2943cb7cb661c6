package slot

import "os"

// offerToKernel has the kernel kill this slot, or what it starts, before anything else when the machine is out
// of memory (proc(5), oom_score_adj): the supervisor's end would cost all jobs.
func offerToKernel() {
	_ = os.WriteFile("/proc/self/oom_score_adj", []byte("500"), 0) // raising it is allowed to everybody
}
