package contract

// Environment variables by which the processor "exec" talks to its program, beside those of [Settings].
// What the files and the lines hold stands in package worker/processors/exec.
const (
	EnvJobFile    = "WORKER_JOB_FILE"    // path of a JSON file: the job
	EnvCursorFile = "WORKER_CURSOR_FILE" // path of a JSON file: the last cursor, or null
	EnvReportFD   = "WORKER_REPORT_FD"   // number of the descriptor for the program's reports
)
