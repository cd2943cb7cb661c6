package contract

// Processors that every worker binary has; a company's own worker may have more.
const (
	ProcessorBackup = "backup" // a directory or S3 prefix into content-addressed objects in S3
	ProcessorExec   = "exec"   // any program, see Settings.Command
)

// Processors are the names of the processors that every worker binary has, sorted.
func Processors() []string { return []string{ProcessorBackup, ProcessorExec} }
