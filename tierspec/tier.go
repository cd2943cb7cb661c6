// Package tierspec is the model of a worker tier for one environment, resolved: no value is left to be defaulted.
// It is plain data. The constructs and the instances' bootstrap read it, [stacks/config] makes it from worker-tier.yaml,
// and a program of one's own may fill it in by itself:
//
//	mail := tierspec.NewContentType("mail", "backup") // with all defaults
//	mail.MaxCapacity = 5
//
// The package imports no construct and no reader of files, so that a pool alone needs neither.
//
// [stacks/config]: https://pkg.go.dev/github.com/worker-tier/worker-tier/stacks/config
package tierspec

import (
	"encoding/json"
	"time"

	"github.com/worker-tier/worker-tier/worker/contract"
)

// Tier is the whole configuration for one environment, resolved: no value is left to be defaulted.
type Tier struct {
	Name         string // prefix of all stacks, for example "worker-tier"
	Dir          string // folder of the config file; relative paths in it are relative to this
	Docs         string // address of the pages that alarms lead to, with a slash at its end; see [Docs]
	Environment  Environment
	Chef         Chef
	Worker       Worker
	ContentTypes []ContentType // sorted by name
}

// Environment is the account, Region and shape of one deployment.
type Environment struct {
	Name              string
	Account           string            // twelve digits
	Region            string            // for example "us-east-1"
	AlarmKey          string            // ARN of the KMS key that encrypts the alarm topic, or ""
	AvailabilityZones []string          // at least two; empty: taken from the account at synth time (a lookup)
	Tags              map[string]string // of all stacks; a content type's own are in its Tags
	Disposable        bool              // true: queues, table and stacks may be destroyed
	Network           Network
	BaseImage         BaseImage
	ImageBuilder      *ImageBuilder // nil: no pipeline
}

// NetworkMode says where instances stand and how they reach AWS.
type NetworkMode string

// The network modes. worker-tier.schema.json gives the cost of each.
const (
	Public           NetworkMode = "public"            // public subnets, no inbound, no NAT
	PrivateNAT       NetworkMode = "private-nat"       // private subnets behind NAT gateways
	PrivateEndpoints NetworkMode = "private-endpoints" // isolated subnets with interface endpoints
	Existing         NetworkMode = "existing"          // a VPC that is already there
)

// Network is where the tier's instances stand.
type Network struct {
	Mode      NetworkMode
	VPC       string            // vpc-…; mode existing only
	SubnetIDs map[string]string // availability zone → subnet-…; mode existing only
}

// BaseImage is the image all instances start from. Either SSMParameter or AMI is set.
type BaseImage struct {
	SSMParameter string
	AMI          string // ami-…
	RootDevice   string // "/dev/xvda" in Amazon's images
}

// SharedStack and BaseImageStack stand in the names of the stacks with what all content types use, and with the image
// pipeline, where another one has its content type.
const (
	SharedStack    = "shared"
	BaseImageStack = "base-image"
)

// ImageBuilder is the pipeline that builds base images; which one instances start from, [BaseImage] says.
type ImageBuilder struct {
	Architecture Architecture // that of the content types
	Schedule     string       // "weekly", "monthly" or "": only when somebody starts it
	Keep         int          // the newest so many images are kept; 0: all
}

// Chef says which Chef client configures the instances.
type Chef struct {
	Distribution  string // "cinc" or "chef"
	Version       string // for example "18"
	AcceptLicense bool   // the user's own acceptance of Chef's licence; required for "chef"
	Package       *ChefPackage
	Server        *ChefServer // nil: cookbooks and roles come with the bundle
}

// Client is the client's command.
func (c Chef) Client() string { return c.Distribution + "-client" }

// ChefServer has the cookbooks and roles in server mode.
type ChefServer struct {
	URL             string // https, without the organization
	Organization    string // "" for a server without organizations
	ValidatorSecret string // name of the Secrets Manager secret with the validator's private key
}

// Address is the URL that clients use.
// https://docs.chef.io/server/api_chef_server/#endpoints
func (s ChefServer) Address() string {
	if s.Organization == "" {
		return s.URL
	}
	return s.URL + "/organizations/" + s.Organization
}

// Validator is the client that may register others, by the name that the server gave it when it made the organization.
// https://docs.chef.io/server/chef_org/
func (s ChefServer) Validator() string {
	if s.Organization == "" {
		return "chef-validator"
	}
	return s.Organization + "-validator"
}

// ChefPackage is installed where the base image holds no client.
type ChefPackage struct {
	URL    string // https
	SHA256 string // hexadecimal
}

// Worker is where the worker binary comes from; Package or File is set.
type Worker struct {
	Package string // Go package to build, for example "./worker"
	File    string // a released binary
	SHA256  string // of File
}

// ContentType is one worker pool.
type ContentType struct {
	Name      string
	Processor string            // "backup", "exec" …
	Command   []string          // processor exec only
	Options   json.RawMessage   // JSON object, the options of the processor; nil: none
	Files     string            // folder of the content type's own program, or ""
	Variables map[string]string // extra environment variables for the worker ("environment" in the file)
	Secrets   []string          // what the worker may read: names of Secrets Manager secrets, "ssm:" and paths of SSM parameters
	Reads     []string          // content types whose artifacts the worker may read
	Policy    []PolicyStatement // extra permissions of the instance role
	Producers []string          // ARNs of principals that may send to the queue
	Tags      map[string]string
	Role      string   // Chef role; default "worker-<name>"
	Cookbooks string   // folder of the content type's own cookbooks, or ""
	RunList   []string // what Chef runs before it starts the worker, for example "recipe[imap::tools]"

	InstanceTypes        []string // all of one architecture
	Architecture         Architecture
	ProcessesPerInstance int
	MemoryPerProcess     int // MiB; 0: an equal share of the instance's
	RootVolumeGiB        int
	Inbound              []Inbound
	QueueKey             string // ARN of the KMS key that encrypts the queues; "": keys of SQS do
	MinCapacity          int
	MaxCapacity          int
	ScaleOut             ScaleOut
	ScaleIn              ScaleIn
	SpotPercent          int  // 0: on-demand only
	DrainOnRebalance     bool // Spot only
	OnDemandBase         int  // the first so many instances are on-demand
	WarmPool             WarmPool
	Schedule             []Schedule // sorted by name
	ProtectBusy          bool       // busy instances are protected from scale-in
	Hardening            Hardening
	Watch                Watch
	Job                  contract.Timing
	Retry                contract.Retry
	Boot                 Boot
}

// Inbound lets the members of SecurityGroup connect to the TCP port Port of the instances.
type Inbound struct {
	Port          int
	SecurityGroup string // sg-…
}

// PolicyStatement is an IAM statement that allows Actions on Resources.
type PolicyStatement struct {
	Actions   []string
	Resources []string
}

// UnknownJobTime is the ScaleOut.MeanJobTime of a content type that names none.
const UnknownJobTime = 5 * time.Minute

// ScaleOut holds what a group scales out by.
type ScaleOut struct {
	TargetLatency time.Duration // how long a job may wait
	// MeanJobTime counts until the workers have measured how long a job takes, and then with the weight of two jobs.
	// When unsure, overstate: too long costs a little, too short makes jobs late.
	MeanJobTime time.Duration
	// TargetTracking says that AWS follows the backlog instead of the alarm pair; ScaleIn does not count then.
	TargetTracking bool
}

// WarmPool holds instances that have booted once and wait for the group to scale out.
type WarmPool struct {
	Size    int  // 0: there is none
	Running bool // false: they are stopped
}

// Hardening holds what the worker's unit allows beyond its strict defaults.
type Hardening struct {
	WritableCode bool // memory that is writable and executable: JIT compilers
	Namespaces   bool // namespaces and mounts in them: browser sandboxes, bubblewrap
	Devices      bool // the instance's devices: GPUs, FUSE
}

// Schedule changes a group's bounds at fixed times.
type Schedule struct {
	Name     string
	Cron     string // minute, hour, day of month, month, day of week
	TimeZone string
	Min, Max *int // nil: as they are; one is not nil
}

// LowestMin is the lowest minimum that the group has at any time.
func (t ContentType) LowestMin() int {
	least := t.MinCapacity
	for _, s := range t.Schedule {
		if s.Min != nil {
			least = min(least, *s.Min)
		}
	}
	return least
}

// HighestMax is the highest maximum that the group has at any time.
func (t ContentType) HighestMax() int {
	most := t.MaxCapacity
	for _, s := range t.Schedule {
		if s.Max != nil {
			most = max(most, *s.Max)
		}
	}
	return most
}

// ScaleIn holds what a group scales in by.
type ScaleIn struct {
	CPUBelow      int           // per cent, average of the group
	For           time.Duration // whole minutes
	RemovePercent int           // of the group, rounded to at least one instance
}

// Boot holds the timing of an instance's start.
type Boot struct {
	Timeout    time.Duration // a boot that takes longer has failed
	KeepFailed time.Duration // how long an instance whose boot failed stays to be looked at
}

// BootSlack is what a boot takes beyond its timeout and the time it is kept: to start the script, to count
// a failure and to tell the group.
const BootSlack = 2 * time.Minute

// LaunchHookTimeout is the heartbeat timeout of the launch hook, in whole seconds: a boot and, if it fails,
// the time it is kept fit in without any heartbeat.
func (b Boot) LaunchHookTimeout() time.Duration {
	return (b.Timeout + b.KeepFailed + BootSlack + time.Second - 1).Truncate(time.Second)
}

// DrainSlack is what a drain takes beyond its budget: to release jobs, ring for them and complete the
// termination hook.
const DrainSlack = 30 * time.Second

// LongestHook is the longest heartbeat timeout that AWS allows a lifecycle hook.
// https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/aws-resource-autoscaling-lifecyclehook.html
const LongestHook = 2 * time.Hour

// TerminationHookTimeout is the heartbeat timeout of the termination hook, in whole seconds: a drain and
// its slack fit in even if the worker sends no heartbeat for the hook.
func (t ContentType) TerminationHookTimeout() time.Duration {
	return (t.Job.DrainBudget + DrainSlack + time.Second - 1).Truncate(time.Second)
}
