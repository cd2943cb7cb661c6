package config

import "time"

// settings are those that a content type takes from the defaults unless it has its own.
type settings struct {
	// EC2 instance types, the smallest that fit; several become a mixed group. All of one architecture.
	InstanceTypes list `yaml:"instanceTypes" match:"instanceType" least:"1" default:"[m7g.large]"`
	// Worker processes per instance. Low CPU while all of them are busy means: raise this.
	ProcessesPerInstance given[int] `yaml:"processesPerInstance" range:"1..1000" default:"2"`
	// Memory in MiB of one worker process with the programs it runs; over it, its job fails. Left out: the instance's, less a tenth, in equal parts.
	MemoryPerProcess given[int] `yaml:"memoryPerProcess" range:"64..33554432"`
	// Encrypted root volume.
	RootVolume rootVolume `yaml:"rootVolume"`
	// Who may connect to the instances: members of security groups, such as those of a scraper or of Nagios. Left out: nobody.
	Inbound sections[inbound] `yaml:"inbound"`
	// The queue and its dead-letter queue.
	Queue queue `yaml:"queue"`
	// Bounds of the group.
	Capacity capacity `yaml:"capacity"`
	// What the group scales out by.
	ScaleOut scaleOut `yaml:"scaleOut"`
	// What the group scales in by.
	ScaleIn scaleIn `yaml:"scaleIn"`
	// Spot instances.
	Spot spot `yaml:"spot"`
	// Instances that have booted once and wait, stopped, for the group to scale out.
	WarmPool warmPool `yaml:"warmPool"`
	// Bounds of the group that change at fixed times, by a name of your own each.
	Schedule table[schedule] `yaml:"schedule" keys:"name"`
	// true: instances with running jobs are not chosen when the group scales in. For work that cannot checkpoint; idle ones go, so the group scales in later.
	ProtectBusy given[bool] `yaml:"protectBusy" default:"false"`
	// What the worker's systemd unit lets its programs do beyond what is safe for any; each is a way to more damage for a program that was taken over.
	Hardening hardening `yaml:"hardening"`
	// What a worker shows of itself to others than CloudWatch (see docs/watching.md).
	Watch watch `yaml:"watch"`
	// Timing of jobs.
	Job job `yaml:"job"`
	// The start of an instance.
	Boot boot `yaml:"boot"`
}

type rootVolume struct {
	// Size in GiB.
	Size given[int] `yaml:"size" range:"8..16384" default:"30"`
}

// inbound lets the members of a security group connect to the instances.
type inbound struct {
	// TCP port, such as 9100 (Prometheus' node exporter) or 5666 (NRPE). Not 22: Session Manager is the way in.
	Port given[int] `yaml:"port" range:"1..65535" required:"true"`
	// Security group whose members may connect, of the instances' VPC or of one that is peered with it. There is no way to let addresses in.
	From given[string] `yaml:"from" match:"group" required:"true"`
}

type queue struct {
	// A KMS key of your own that encrypts both queues, of the environment's Region. Left out: keys of SQS itself, which cost nothing. Costs are in US dollars a month: 1.00 for the key, and 0.03 for each 10,000 requests, of which SQS makes about 3,600 for a type with one producer. The workers' role may use it; its key policy must let producers use it too (see the runbook).
	KMSKey given[string] `yaml:"kmsKey" match:"kmsKey"`
}

type capacity struct {
	// Fewest instances. 0 saves the last one, but the first message after six idle hours can wait 15 minutes.
	Min given[int] `yaml:"min" range:"0..10000" default:"1"`
	// Most instances.
	Max given[int] `yaml:"max" range:"1..10000" default:"20"`
}

type scaleOut struct {
	// steps: the alarm pair. targetTracking: AWS keeps the backlog of each process at targetLatency, which replaces scaleIn too; on the traces 6 % of jobs were late at 1.4 times the hours.
	Method given[string] `yaml:"method" oneof:"steps targetTracking" default:"steps"`
	// How long a job may wait before it starts; under 5m is out of reach of one-minute metrics and two-minute boots.
	TargetLatency given[time.Duration] `yaml:"targetLatency" range:"1m..24h" default:"10m"`
	// How long a job takes on average, as far as you know. It has the weight of two jobs beside those that the workers measure. measured: 5m. When unsure, overstate: four times too long costs a tenth more, too short makes jobs late.
	MeanJobTime measurable `yaml:"meanJobTime" range:"1s..720h" word:"measured" default:"measured"`
}

type scaleIn struct {
	// The group scales in while its average CPU, in per cent, is at or below this.
	CPUBelow given[int] `yaml:"cpuBelow" range:"1..100" default:"70"`
	// How long it must have been so; whole minutes.
	For given[time.Duration] `yaml:"for" range:"1m..24h" default:"10m"`
	// Per cent of the group that goes each minute, rounded to at least one instance.
	RemovePercent given[int] `yaml:"removePercent" range:"1..100" default:"10"`
}

type spot struct {
	// Per cent of the group that are Spot instances; 0: on-demand only.
	Percent given[int] `yaml:"percent" range:"0..100" default:"0"`
	// true: a worker drains on EC2's rebalance recommendation, which comes before the notice of two minutes if it comes, and asks the group for another instance.
	DrainOnRebalance given[bool] `yaml:"drainOnRebalance" default:"false"`
	// The first so many instances of the group are on-demand; percent counts for those beyond.
	OnDemandBase given[int] `yaml:"onDemandBase" range:"0..10000" default:"0"`
}

type warmPool struct {
	// Instances in the pool; 0: none. Stopped ones cost their volumes. Worth it only where booting takes long.
	Size given[int] `yaml:"size" range:"0..10000" default:"0"`
	// stopped, or running: ready sooner at the price of running instances.
	State given[string] `yaml:"state" oneof:"stopped running" default:"stopped"`
}

type hardening struct {
	// true: programs may make code and run it, which the JIT compilers of Node.js, Java, .NET and PyPy need.
	WritableCode given[bool] `yaml:"writableCode" default:"false"`
	// true: programs may make namespaces and mount in them, which the sandboxes of Chromium and bubblewrap need.
	Namespaces given[bool] `yaml:"namespaces" default:"false"`
	// true: programs see the devices of the instance, such as GPUs and FUSE, and may open those that the user worker may.
	Devices given[bool] `yaml:"devices" default:"false"`
}

type watch struct {
	// TCP port, such as 9464, at which a worker answers /healthz, /readyz and /metrics: to its own instance alone, unless inbound lets a security group's members in to this port. Left out: it answers on its socket only.
	Port given[int] `yaml:"port" range:"1024..65535"`
	// Host and port of a Graphite server, such as carbon.example.com:2003, that is sent the metrics each minute, unencrypted. Left out: none is.
	Graphite given[string] `yaml:"graphite" match:"hostPort"`
	// true: each attempt at a job is a line in the log from which CloudWatch makes metrics (embedded metric format). Costs are in US dollars a month: 0.90 for the type's three, and 0.50 for each GB of the log, of which a line is some 0.6 KB.
	EMF given[bool] `yaml:"emf" default:"false"`
}

// schedule is a change of the group's bounds at fixed times.
type schedule struct {
	// When: minute, hour, day of month, month and day of week, such as "0 7 * * MON-FRI".
	Cron given[string] `yaml:"cron" match:"cron" required:"true"`
	// Time zone of cron, such as Europe/Berlin.
	TimeZone given[string] `yaml:"timeZone" match:"timeZone" default:"Etc/UTC"`
	// Fewest instances from then on.
	Min given[int] `yaml:"min" range:"0..10000"`
	// Most instances from then on.
	Max given[int] `yaml:"max" range:"1..10000"`
}

type boot struct {
	// How long an instance may take from its start until its worker has passed its check; one that takes longer has failed.
	Timeout given[time.Duration] `yaml:"timeout" range:"1m..2h" default:"10m"`
	// How long an instance whose boot failed stays, to be looked at through Session Manager, before its group replaces it. Shorter burns launches on a bad image.
	KeepFailed given[time.Duration] `yaml:"keepFailed" range:"1m..2h" default:"15m"`
}

type job struct {
	// A holder without a heartbeat for this long has lost its job; at least twice the heartbeat.
	Lease given[time.Duration] `yaml:"lease" range:"1s..1h" default:"60s"`
	// Time between heartbeats.
	Heartbeat given[time.Duration] `yaml:"heartbeat" range:"100ms..30m" default:"20s"`
	// Time between two looks for jobs whose worker died.
	Sweep given[time.Duration] `yaml:"sweep" range:"1s..1h" default:"30s"`
	// At most one checkpoint is written per job in this time; what a dead worker did since is done again.
	Checkpoint given[time.Duration] `yaml:"checkpoint" range:"100ms..1h" default:"10s"`
	// How long a drain waits for jobs to reach the end of their step.
	DrainBudget given[time.Duration] `yaml:"drainBudget" range:"1s..2h" default:"60s"`
	// A job that shows neither progress nor a checkpoint for this long is killed and has failed once.
	Stall given[time.Duration] `yaml:"stall" range:"1m..720h" default:"1h"`
	// How often a job that fails is tried again.
	Failures failures `yaml:"failures"`
}

type failures struct {
	// Failures that make a job DEAD. With the default pauses, ten failures take 15 to 30 hours.
	Limit given[int] `yaml:"limit" range:"1..1000" default:"10"`
	// The longest pause after the first failure. It grows sixfold with each further one. A pause is drawn between half of its longest and its longest.
	FirstPause given[time.Duration] `yaml:"firstPause" range:"1s..24h" default:"15s"`
	// The longest pause of all; at least firstPause.
	LongestPause given[time.Duration] `yaml:"longestPause" range:"1s..720h" default:"6h"`
}
