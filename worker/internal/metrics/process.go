package metrics

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Process is what the supervisor's own process takes; slots and their programs are other processes. The names are those of
// Prometheus' own client libraries, which dashboards know.
// https://prometheus.io/docs/instrumenting/writing_clientlibs/#process-metrics
func Process() []Family {
	began := time.Now()
	digest := sync.OnceValue(executableDigest)
	return []Family{
		{Name: "worker_build_info", Kind: Gauge, Help: "Always 1; sha256 begins that of the worker's binary, which tells two releases apart.", Labels: []string{"sha256", "go_version", "arch"}, Read: func(add Add) {
			add(1, digest(), runtime.Version(), runtime.GOARCH)
		}},
		{Name: "process_start_time_seconds", Kind: Gauge, Help: "When the worker started, in seconds since 1970.", Read: One(func() float64 { return unix(began) })},
		{Name: "process_cpu_seconds_total", Kind: Counter, Help: "Processor time of the worker's own process.", Read: One(processorTime)},
		{Name: "process_resident_memory_bytes", Kind: Gauge, Help: "Memory of the worker's own process.", Read: One(residentMemory)},
		{Name: "go_goroutines", Kind: Gauge, Help: "Goroutines of the worker's own process.", Read: One(func() float64 { return float64(runtime.NumGoroutine()) })},
	}
}

// unix is a moment in seconds since 1970.
func unix(t time.Time) float64 { return float64(t.UnixMilli()) / 1000 }

// executableDigest is the first 8 bytes of the SHA-256 digest of this process' binary, "" if it cannot be read.
func executableDigest() string {
	path, err := os.Executable()
	if err != nil {
		return ""
	}
	file, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer func() { _ = file.Close() }() // it was read only
	hash := sha256.New()
	if _, err := io.Copy(hash, file); err != nil {
		return ""
	}
	return hex.EncodeToString(hash.Sum(nil)[:8])
}

// processorTime is the user and system time of this process in seconds.
func processorTime() float64 {
	var usage syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &usage) != nil {
		return 0
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano()).Seconds()
}

// residentMemory is the resident set size of this process in bytes; 0 where there is no /proc.
// https://www.kernel.org/doc/html/latest/filesystems/proc.html
func residentMemory() float64 {
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(text))
	if len(fields) < 2 {
		return 0
	}
	pages, _ := strconv.ParseFloat(fields[1], 64)
	return pages * float64(os.Getpagesize())
}
