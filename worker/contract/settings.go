package contract

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net"
	"sort"
	"strconv"
	"time"
)

// Environment variables that carry [Settings] to a worker process.
const (
	EnvTier               = "WORKER_TIER"
	EnvEnvironment        = "WORKER_ENVIRONMENT"
	EnvContentType        = "WORKER_CONTENT_TYPE"
	EnvProcessor          = "WORKER_PROCESSOR"
	EnvCommand            = "WORKER_COMMAND"
	EnvOptions            = "WORKER_OPTIONS"
	EnvProcesses          = "WORKER_PROCESSES"
	EnvMemory             = "WORKER_MEMORY"
	EnvQueueURL           = "WORKER_QUEUE_URL"
	EnvDeadLetterQueueURL = "WORKER_DEAD_LETTER_QUEUE_URL"
	EnvTable              = "WORKER_TABLE"
	EnvArtifactsBucket    = "WORKER_ARTIFACTS_BUCKET"
	EnvLaunchHook         = "WORKER_LAUNCH_HOOK"
	EnvTerminationHook    = "WORKER_TERMINATION_HOOK"
	EnvDrainOnRebalance   = "WORKER_DRAIN_ON_REBALANCE"
	EnvWarmPool           = "WORKER_WARM_POOL"
	EnvProtectBusy        = "WORKER_PROTECT_BUSY"
	EnvListen             = "WORKER_LISTEN"
	EnvGraphite           = "WORKER_GRAPHITE"
	EnvEMF                = "WORKER_EMF"
	EnvRootVolume         = "WORKER_ROOT_VOLUME"
)

// Settings is everything a worker is told by whoever provisioned it. The CDK side renders it with
// [Settings.Environ] into the first-boot document, the worker reads it back with [SettingsFrom], so
// that a name that drifts between the two does not compile.
type Settings struct {
	Tier        string          // name of the tier, for example "worker-tier"
	Environment string          // name of the environment, for example "prod"
	ContentType string          // for example "mail"
	Processor   string          // name of a processor in the worker binary, for example "backup" or "exec"
	Command     []string        // program and arguments; for the processor "exec" only
	Options     json.RawMessage // JSON object, the content type's options for its processor; empty: none
	Processes   int             // slots per instance, at least 1
	Memory      int             // MiB that a slot and what it starts may use; 0: an equal share of the instance's

	QueueURL           string // the content type's SQS queue
	DeadLetterQueueURL string // where messages that cannot be read are put, with the reason
	Table              string // name of the DynamoDB job table
	ArtifactsBucket    string // S3 bucket; a content type owns the keys under "<contentType>/"

	Timing
	Retry

	LaunchHook       string // name of the group's launch lifecycle hook; empty: none to complete
	TerminationHook  string // name of the group's termination lifecycle hook; empty: none to complete
	DrainOnRebalance bool   // drain on EC2's rebalance recommendation and ask the group for another instance

	WarmPool    bool // the instance may stand in a warm pool, and claims only while it is in service
	ProtectBusy bool // the instance is protected from scale-in while it has jobs

	Listen   string // TCP address, an IP address and a port, at which the worker may be watched; empty: only on its socket
	Graphite string // host and port to which metrics are pushed in Graphite's plaintext protocol; empty: nowhere
	EMF      bool   // log each attempt in CloudWatch's embedded metric format

	RootVolume int // GiB that the instance's root volume must have; 0: it is not compared
}

// Bounds of [Settings.Memory] in MiB: a slot's own process needs some 20, and no EC2 instance has 32 TiB.
const LeastMemory, MostMemory = 64, 32 << 20

// Environ renders s as environment variables. Durations are written as Go writes them ("1m0s").
func (s Settings) Environ() map[string]string {
	env := map[string]string{
		EnvTier:               s.Tier,
		EnvEnvironment:        s.Environment,
		EnvContentType:        s.ContentType,
		EnvProcessor:          s.Processor,
		EnvProcesses:          strconv.Itoa(s.Processes),
		EnvQueueURL:           s.QueueURL,
		EnvDeadLetterQueueURL: s.DeadLetterQueueURL,
		EnvTable:              s.Table,
		EnvArtifactsBucket:    s.ArtifactsBucket,
	}
	for name, duration := range s.Timing.variables() {
		env[name] = duration.String()
	}
	maps.Copy(env, s.Retry.environ())
	if s.Memory > 0 {
		env[EnvMemory] = strconv.Itoa(s.Memory)
	}
	for name, text := range map[string]string{EnvOptions: string(s.Options), EnvLaunchHook: s.LaunchHook, EnvTerminationHook: s.TerminationHook, EnvListen: s.Listen, EnvGraphite: s.Graphite} {
		if text != "" {
			env[name] = text
		}
	}
	for name, on := range map[string]bool{EnvDrainOnRebalance: s.DrainOnRebalance, EnvWarmPool: s.WarmPool, EnvProtectBusy: s.ProtectBusy, EnvEMF: s.EMF} {
		if on {
			env[name] = strconv.FormatBool(true)
		}
	}
	if s.RootVolume > 0 {
		env[EnvRootVolume] = strconv.Itoa(s.RootVolume)
	}
	if len(s.Command) > 0 {
		command, _ := json.Marshal(s.Command) // a []string always marshals
		env[EnvCommand] = string(command)
	}
	return env
}

// SettingsFrom reads the settings from environment variables; lookup is os.LookupEnv or a map's. It
// reports every missing or malformed variable at once, sorted by name.
func SettingsFrom(lookup func(string) (string, bool)) (Settings, error) {
	r := reader{lookup: lookup}
	s := Settings{
		Tier:               r.text(EnvTier),
		Environment:        r.text(EnvEnvironment),
		ContentType:        r.text(EnvContentType),
		Processor:          r.text(EnvProcessor),
		Command:            r.command(EnvCommand),
		Options:            r.options(EnvOptions),
		Processes:          r.count(EnvProcesses, 1, 1000),
		QueueURL:           r.text(EnvQueueURL),
		DeadLetterQueueURL: r.text(EnvDeadLetterQueueURL),
		Table:              r.text(EnvTable),
		ArtifactsBucket:    r.text(EnvArtifactsBucket),
		DrainOnRebalance:   r.flag(EnvDrainOnRebalance),
		WarmPool:           r.flag(EnvWarmPool),
		ProtectBusy:        r.flag(EnvProtectBusy),
		Listen:             r.address(EnvListen),
		Graphite:           r.address(EnvGraphite),
		EMF:                r.flag(EnvEMF),
	}
	for name, duration := range s.Timing.variables() {
		*duration = r.duration(name)
	}
	s.Retry = r.retry()
	s.LaunchHook, _ = lookup(EnvLaunchHook)
	s.TerminationHook, _ = lookup(EnvTerminationHook)
	if _, set := lookup(EnvMemory); set {
		s.Memory = r.count(EnvMemory, LeastMemory, MostMemory)
	}
	if _, set := lookup(EnvRootVolume); set {
		s.RootVolume = r.count(EnvRootVolume, 1, 1<<16)
	}
	if s.Lease > 0 && !s.SparesABeat() {
		r.fail(EnvLease, "%s must be at least twice %s (%s)", s.Lease, EnvHeartbeat, s.Heartbeat)
	}
	return s, r.err()
}

// CommandFrom reads [Settings.Command] alone. It is nil where the variable is not set.
func CommandFrom(lookup func(string) (string, bool)) ([]string, error) {
	r := reader{lookup: lookup}
	command := r.command(EnvCommand)
	return command, r.err()
}

type reader struct {
	lookup   func(string) (string, bool)
	problems []string
}

func (r *reader) fail(name, format string, args ...any) {
	r.problems = append(r.problems, name+": "+fmt.Sprintf(format, args...))
}

func (r *reader) err() error {
	sort.Strings(r.problems)
	errs := make([]error, len(r.problems))
	for i, p := range r.problems {
		errs[i] = errors.New(p)
	}
	return errors.Join(errs...)
}

func (r *reader) text(name string) string {
	v, _ := r.lookup(name)
	if v == "" {
		r.fail(name, "is not set")
	}
	return v
}

func (r *reader) count(name string, least, most int) int {
	v := r.text(name)
	n, err := strconv.Atoi(v)
	if v != "" && (err != nil || n < least || n > most) {
		r.fail(name, "%q is not a whole number from %d to %d", v, least, most)
	}
	return n
}

func (r *reader) duration(name string) time.Duration {
	v := r.text(name)
	d, err := time.ParseDuration(v)
	if v != "" && (err != nil || d <= 0) {
		r.fail(name, "%q is not a positive duration such as 20s", v)
	}
	return d
}

// flag is false where the variable is not set.
func (r *reader) flag(name string) bool {
	v, _ := r.lookup(name)
	if v == "" {
		return false
	}
	set, err := strconv.ParseBool(v)
	if err != nil {
		r.fail(name, "%q is neither true nor false", v)
	}
	return set
}

// address is empty where the variable is not set. One without a host would be every interface of the machine.
func (r *reader) address(name string) string {
	v, _ := r.lookup(name)
	if v == "" {
		return ""
	}
	host, port, err := net.SplitHostPort(v)
	if _, numeric := strconv.ParseUint(port, 10, 16); err != nil || host == "" || numeric != nil {
		r.fail(name, "%q is not a host and a port such as 127.0.0.1:9464", v)
	}
	return v
}

// options is nil where the variable is not set.
func (r *reader) options(name string) json.RawMessage {
	v, _ := r.lookup(name)
	if v == "" {
		return nil
	}
	var object map[string]json.RawMessage
	if err := json.Unmarshal([]byte(v), &object); err != nil || object == nil {
		r.fail(name, "%q is not a JSON object", v)
	}
	return json.RawMessage(v)
}

func (r *reader) command(name string) []string {
	v, ok := r.lookup(name)
	if !ok {
		return nil
	}
	var command []string
	if err := json.Unmarshal([]byte(v), &command); err != nil || len(command) == 0 || command[0] == "" {
		r.fail(name, "%q is not a JSON list of program and arguments", v)
	}
	return command
}
