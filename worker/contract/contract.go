// Package contract holds the names that the provisioning side (stacks, constructs) and the worker
// share: environment variables, SSM parameter paths, table attributes, metric names, the timing of jobs
// and the first-boot document. A name that drifts between the two sides fails to compile.
package contract

import (
	"strconv"
	"time"
)

// Versions of the job item. An item carries the oldest version that describes it, so that a fleet of two
// releases shares all jobs that both can read. A release leaves items of a newer version than [Schema] READY and
// uncounted for the workers that can read them; only what the sweeper needs (state, owner, epoch, beat,
// lease, ringAt) keeps its meaning in all versions, as one release sweeps for both.
const (
	SchemaPlain   = 1 // payload and cursor stand in the item
	SchemaSpilled = 2 // payload or cursor may stand in the artifacts bucket, see SpillPrefix
	// Schema is the newest version that this release reads.
	Schema = SchemaSpilled
)

// QueueRetention is how long a queue, and the dead-letter queue after it, keeps a message: the longest that SQS allows.
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html
const QueueRetention = 14 * 24 * time.Hour

// ParameterSecret begins the name of a secret that is an SSM parameter. Those of other names are in Secrets Manager.
const ParameterSecret = "ssm:"

// DueIndex is the sparse KEYS_ONLY index of the job table that lists jobs that need attention.
const DueIndex = "due"

// DueShards is the number of partitions of [DueIndex] per content type: a partition takes 1,000
// writes a second, and a throttled index throttles its table.
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/bp-partition-key-design.html
const DueShards = 4

// DuePartition is one of the [DueShards] partitions of a content type in [DueIndex].
func DuePartition(contentType string, shard int) string {
	return contentType + "#" + strconv.Itoa(shard)
}

// What the sort keys of the jobs in [DueIndex] begin with, by state. Jobs in other states are not in it.
const (
	DueReady   = "r#"
	DueRunning = "x#"
	DueDead    = "d#"
)

// Attributes of a job item. Times are milliseconds since 1970 in UTC, but for AttrTTL, which DynamoDB
// wants in seconds.
const (
	AttrKey             = "pk"           // "<contentType>#<jobId>"; partition key of the table
	AttrDuePartition    = "duePartition" // "<contentType>#<shard>"; partition key of the index
	AttrDueSort         = "dueSort"      // "r#<ringAt>", "x#" or "d#<time>"; sort key of the index
	AttrState           = "state"
	AttrOwner           = "owner"
	AttrEpoch           = "epoch"
	AttrHeartbeats      = "beat"
	AttrSeq             = "seq"
	AttrCursor          = "cursor"
	AttrCursorRef       = "cursorRef"
	AttrCursorVersion   = "cursorVersion" // "<processor>@<version>" of the cursor
	AttrCrashPosition   = "crashCursor"
	AttrDone            = "done"
	AttrTotal           = "total"
	AttrUnit            = "unit"
	AttrPace            = "pace"      // millionths of a unit per second
	AttrPaceError       = "paceError" // its standard error
	AttrNotBefore       = "notBefore"
	AttrPaused          = "paused"
	AttrCancelRequested = "cancelRequested"
	AttrDrains          = "drains"
	AttrCrashes         = "crashes"
	AttrFailures        = "failures"
	AttrFailureLimit    = "failureLimit" // failures that make the job DEAD, as the last that failed at it was told
	AttrReturns         = "returns"      // hand-backs in a row that are nobody's fault and saved no newer cursor; left out: none
	AttrRings           = "rings"
	AttrRingAt          = "ringAt"
	AttrLastError       = "lastError"
	AttrPayload         = "payload"
	AttrPayloadRef      = "payloadRef"
	AttrTenant          = "tenant"
	AttrCreatedAt       = "createdAt"
	AttrUpdatedAt       = "updatedAt"
	AttrTTL             = "ttl"
	AttrSchema          = "schema"
	AttrLease           = "lease"     // milliseconds; the holder's own lease, so that a sweeper with other settings waits long enough
	AttrSteered         = "steered"   // how often an operator changed the item; of job items and control items; left out: never
	AttrNextSweep       = "nextSweep" // control item only
	AttrSweeper         = "sweeper"   // control item only

	// Control item only, what is known of sick instances.
	AttrSickAt      = "sickAt"      // when one last reported
	AttrSickWorker  = "sickWorker"  // which
	AttrSickReason  = "sickReason"  // why
	AttrWells       = "wells"       // answers of well instances
	AttrReplacedAt  = "replacedAt"  // when the last replacement of one was granted
	AttrReplacedFor = "replacedFor" // to which

	// Control item only, what the mean job time is made of: the workers add to the first two, the sweeper
	// that leads moves them into the decayed sums.
	AttrBusy        = "busy"        // busy slot time, milliseconds
	AttrEnded       = "ended"       // jobs that became terminal
	AttrRecentBusy  = "recentBusy"  // milliseconds
	AttrRecentEnded = "recentEnded" // thousandths of a job
	AttrRecentAt    = "recentAt"    // when the decayed sums were written
)

// Tags by which a tier's stacks, groups and instances are known. The instance role is limited to its own group by
// them, because a group's ARN in the role of its own instances would be a dependency cycle.
const (
	TagEnvironment = "worker-tier:environment" // value: see MetricEnvironment
	TagContentType = "worker-tier:content-type"
)

// Lifecycle hooks of a pool's group.
const (
	LaunchHook      = "boot"  // keeps a new instance from counting as capacity until its worker has passed its check
	TerminationHook = "drain" // holds a terminating instance until its worker has drained
)

// StackName is the name of the stack of one content type.
func StackName(tier, environment, contentType string) string {
	return MetricEnvironment(tier, environment) + "-" + contentType
}

// Metrics that instances publish, for scaling, alarms and dashboards. The instance is never a dimension: each
// combination of dimensions is billed as a metric of its own.
const (
	MetricBusy       = "Busy"       // per cent of busy slots, average
	MetricUnfinished = "Unfinished" // READY and RUNNING jobs
	// MetricJobTime is a statistic set, decayed over six hours: its sum is the time in seconds that processes were busy, its sample
	// count the jobs that ended, and JobTimeWeight more. With as many jobs of an assumed time the sum makes a mean.
	MetricJobTime        = "JobTime"
	MetricReady          = "Ready"         // READY jobs; those that are RUNNING are the rest of the unfinished ones
	MetricDead           = "Dead"          // DEAD jobs
	MetricCheckpointAge  = "CheckpointAge" // seconds since the last checkpoint, of the RUNNING job that has been without for longest
	MetricBootFailures   = "BootFailures"  // boots that failed, count
	DimensionEnvironment = "Environment"   // value: see MetricEnvironment
	DimensionContentType = "ContentType"
	// DimensionLaunchTemplate is a digest of what replaces a pool's instances. Only MetricBootFailures has it, beside the others.
	DimensionLaunchTemplate = "LaunchTemplate"
)

// JobTimeWeight is how many jobs of an assumed time the mean job time starts from, so that the first few jobs do not decide alone.
const JobTimeWeight = 2

// Metrics that count what happened in a minute. One without a value counted nothing: CloudWatch bills a metric by
// the hour in which it has values, so nothing is sent for zero.
const (
	MetricEndedDone      = "EndedDone"
	MetricEndedDead      = "EndedDead"
	MetricEndedCancelled = "EndedCancelled"
	MetricResumed        = "Resumed"   // claims of a job that had been held before, at its cursor
	MetricRestarted      = "Restarted" // the same without a cursor: what was done is done again
	MetricZombies        = "Zombies"   // jobs taken from workers that stopped sending heartbeats
	MetricSick           = "Sick"      // instances that could not begin jobs and took none
	MetricCareful        = "Careful"   // workers on which each job failed, and which took one at a time
)

// The age of a queue's oldest message in seconds, as SQS publishes it: an alarm's threshold on it says how long jobs may wait.
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html
const (
	QueueNamespace = "AWS/SQS"
	QueueAge       = "ApproximateAgeOfOldestMessage"
)

// MetricNamespace is the namespace of the metrics of one environment of a tier. The role of its instances may publish in it
// alone, as a namespace is all that IAM can bound there. A worker of dev can so neither hide nor fake what happens in prod.
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/iam-cw-condition-keys-namespace.html
func MetricNamespace(tier, environment string) string {
	return "WorkerTier/" + MetricEnvironment(tier, environment)
}

// MetricEnvironment is the value of [DimensionEnvironment]: "<tier>-<environment>".
func MetricEnvironment(tier, environment string) string { return tier + "-" + environment }

// The parameters below are how a stack of one content type finds what the shared stack made, and how
// producers and the command line find table and queues.

// TableParameter is the SSM parameter that holds the name of the job table.
func TableParameter(tier, environment string) string { return shared(tier, environment, "table") }

// ArtifactsBucketParameter holds the name of the artifacts bucket.
func ArtifactsBucketParameter(tier, environment string) string {
	return shared(tier, environment, "artifacts-bucket")
}

// QueueURLParameter holds the URL of a content type's queue.
func QueueURLParameter(tier, environment, contentType string) string {
	return "/" + tier + "/" + environment + "/content-types/" + contentType + "/queue-url"
}

func shared(tier, environment, name string) string {
	return "/" + tier + "/" + environment + "/shared/" + name
}

// SpillFolder is the first part of the keys in the artifacts bucket under which the runtime keeps what is too large
// for a job's item; no content type may be called so.
const SpillFolder = "jobs"

// SpillPrefix starts the keys of one job's spilled payload and cursors.
func SpillPrefix(contentType, id string) string {
	return SpillFolder + "/" + contentType + "/" + id + "/"
}

// RoleName is the Chef role that configures the instances of a content type.
func RoleName(contentType string) string { return "worker-" + contentType }
