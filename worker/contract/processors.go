package contract

// Processors that every worker binary has; a company's own worker may have more.
const (
	ProcessorBackup = "backup" // a directory or S3 prefix into content-addressed objects in S3
	ProcessorExec   = "exec"   // any program, see Settings.Command
)

// ReachesInternet says whether a processor's work reaches the internet. Of exec, and of the processors of a
// company's own worker, it is not known: known is false.
func ReachesInternet(processor string) (reaches, known bool) {
	return false, processor == ProcessorBackup // backup reads folders and S3
}

// Processors are the names of the processors that every worker binary has, sorted.
func Processors() []string { return []string{ProcessorBackup, ProcessorExec} }
