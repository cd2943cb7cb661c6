package config

import "time"

// The types of this file and of settings.go are worker-tier.yaml as it is written. The reader, its error
// messages, the built-in defaults and the JSON Schema are all derived from them: keys and constraints
// from the tags (explained in rule.go), descriptions from the comments.

// file is the whole of worker-tier.yaml.
type file struct {
	// Prefix of all stacks and of the SSM parameters by which producers find queues.
	Name given[string] `yaml:"name" match:"name" required:"true"`
	// Image that all instances start from. Default: Amazon Linux 2023 for the architecture of the instance types.
	BaseImage baseImage `yaml:"baseImage"`
	// The Chef client that configures the instances.
	Chef chef `yaml:"chef" required:"true"`
	// Where instances stand. Required, here or in the environment, unless the environment is disposable (then: public).
	Network network `yaml:"network"`
	// Where the worker binary comes from.
	Worker worker `yaml:"worker"`
	// Settings of every content type that does not say otherwise.
	Defaults defaults `yaml:"defaults"`
	// Deployments of the tier, by name; one is chosen per synth (cdk -c env=NAME).
	Environments table[environment] `yaml:"environments" keys:"name" required:"true"`
	// Where the pages stand to which alarms lead, for a fork or a wiki of your own: a page is this address and its name, such as runbook/late.md. Default: the pages of the release.
	Docs given[string] `yaml:"docs" match:"folder"`
	// Tags of all stacks and everything in them, for example owner and cost-center. Instances do not get a tag whose key has a space or a slash: EC2 would refuse to launch them.
	Tags table[given[string]] `yaml:"tags" keys:"tagKey" match:"tagValue" scalars:"true"`
	// Worker pools, by name: each has its own queue, group and stack.
	ContentTypes table[contentType] `yaml:"contentTypes" keys:"name" required:"true"`
}

// baseImage names an image by one of the first two keys.
type baseImage struct {
	section
	// SSM parameter that holds the image's id, for example one of Amazon's public ones. The first synth writes the id into cdk.context.json, which belongs into version control. It stays there until tier image says how to take the newest.
	SSMParameter given[string] `yaml:"ssmParameter" match:"ssmParameter"`
	// Id of the image: pinned.
	AMI given[string] `yaml:"amiId" match:"ami"`
	// Name of the image's root device, of which rootVolume says the size. /dev/sda1 for images of Ubuntu. With another name than the image's, the root volume stays as small as the image has it, and unencrypted: an instance checks the size when it boots.
	RootDevice given[string] `yaml:"rootDevice" match:"device" default:"/dev/xvda"`
}

// chef says which Chef client configures the instances.
type chef struct {
	// Whose build: cinc is the free one, chef asks for acceptLicense.
	Distribution given[string] `yaml:"distribution" oneof:"cinc chef" required:"true"`
	// Version of the client.
	Version given[string] `yaml:"version" match:"version" required:"true"`
	// Your own acceptance of Chef's licence; required for the distribution chef, refused for cinc.
	AcceptLicense given[bool] `yaml:"acceptLicense"`
	// Installed where the base image holds no client; Amazon's images hold none.
	Package chefPackage `yaml:"package"`
	// A Chef server that has the cookbooks and roles. Left out: they come with the tier's own bundle, and the client runs in local mode.
	Server chefServer `yaml:"server"`
}

// chefServer is a Chef Infra Server, or one that speaks its API.
type chefServer struct {
	section
	// Its address, without an organization.
	URL given[string] `yaml:"url" match:"server" required:"true"`
	// The organization, whose validator is called NAME-validator. Left out for a server without organizations, whose validator is called chef-validator.
	Organization given[string] `yaml:"organization" match:"organization"`
	// Name of the Secrets Manager secret that holds the validator's private key (PEM), by which a new instance registers itself.
	ValidatorSecret given[string] `yaml:"validatorSecret" match:"secret" required:"true"`
}

// chefPackage is a package that installs the Chef client.
type chefPackage struct {
	section
	// Where instances download it.
	URL given[string] `yaml:"url" match:"https" required:"true"`
	// What it must hash to.
	SHA256 given[string] `yaml:"sha256" match:"sha256" required:"true"`
}

// network is where instances stand and how they reach AWS.
type network struct {
	section
	// Costs are in US dollars a month in us-east-1, beside traffic between zones; S3 and DynamoDB go through free gateway endpoints in the first three modes. public: public subnets without any inbound rule, and no NAT to pay for; 3.65 for each instance (its public IPv4 address). private-nat: private subnets behind a NAT gateway in each zone; 36.50 for each zone, and 0.045 for each GB to the internet. private-endpoints: no way to the internet at all; 51.10 for each zone (seven interface endpoints), and 0.01 for each GB to AWS. existing: a VPC that is already there; nothing beyond what it costs.
	Mode given[string] `yaml:"mode" oneof:"public private-nat private-endpoints existing" required:"true"`
	// The VPC; mode existing only.
	VPC given[string] `yaml:"vpc" match:"vpc"`
	// One subnet per availability zone, at least two; mode existing only.
	Subnets table[given[string]] `yaml:"subnets" keys:"zone" match:"subnet"`
}

// worker is where the worker binary comes from: a package to build, or a file.
type worker struct {
	// Go package to build: a folder relative to this file, or an import path.
	Package given[string] `yaml:"package" default:"./worker"`
	// A released binary, relative to this file, instead of a package.
	File given[string] `yaml:"file"`
	// What the file must hash to; required with it.
	SHA256 given[string] `yaml:"sha256" match:"sha256"`
	// Names of the processors that your own worker has beyond the built-in ones.
	Processors list `yaml:"processors" match:"name"`
}

// environment is one deployment of the tier.
type environment struct {
	// AWS account: twelve digits in quotes.
	Account given[string] `yaml:"account" match:"account" number:"true" required:"true"`
	// AWS Region.
	Region given[string] `yaml:"region" match:"region" required:"true"`
	// At least two, all of the Region. Default: taken from the account at synth time.
	AvailabilityZones list `yaml:"availabilityZones" match:"ownZone" least:"2"`
	// true: queues, the job table and whole stacks may be destroyed without being retained.
	Disposable given[bool] `yaml:"disposable" default:"false"`
	// The topic that alarms are sent to.
	Alarms alarms `yaml:"alarms"`
	// Instead of the top-level baseImage.
	BaseImage baseImage `yaml:"baseImage"`
	// A pipeline of EC2 Image Builder for base images that hold what instances need, in a stack of its own. Left out: there is none. An empty mapping, {}, is one with the defaults. It needs chef.package, and changes no instance: an image that it built is named with baseImage.amiId.
	ImageBuilder imageBuilder `yaml:"imageBuilder"`
	// Instead of the top-level network.
	Network network `yaml:"network"`
	// Over the top-level defaults, key by key; a content type's own settings win over both.
	Defaults defaults `yaml:"defaults"`
	// Over the top-level tags, key by key; a content type's own tags win over both.
	Tags table[given[string]] `yaml:"tags" keys:"tagKey" match:"tagValue" scalars:"true"`
	// What is different for a content type in this environment, by its name; wins over everything else.
	ContentTypes table[override] `yaml:"contentTypes" keys:"name"`
}

// imageBuilder is the pipeline that builds base images.
type imageBuilder struct {
	section
	// How often to look for a newer Amazon Linux 2023 and build an image if there is one: on Mondays, or on the first of the month, at 03:00 UTC. Left out: an image is built when somebody says so (tier image --build).
	Schedule given[string] `yaml:"schedule" oneof:"weekly monthly"`
	// The newest so many images are kept, and whatever was launched in the last 90 days; the others are deleted, each with its snapshot. Left out: all are kept, at 0.05 US dollars a month for each GB of a snapshot.
	Keep given[int] `yaml:"keep" range:"3..1000"`
}

// alarms is the topic that an environment's alarms are sent to.
type alarms struct {
	// A KMS key of your own that encrypts the topic, of the environment's Region; 1.00 US dollar a month. Left out: not encrypted, for alarms carry no data. Its key policy must let CloudWatch use it, or alarms stay silent (see the runbook).
	KMSKey given[string] `yaml:"kmsKey" match:"kmsKey"`
}

// defaults are what content types have without naming it.
type defaults struct {
	settings
	// Permissions of every content type's instance role, beside the type's own. Nothing takes them away from a single type.
	PolicyStatements sections[policyStatement] `yaml:"policyStatements"`
}

// override is what an environment may change of a content type.
type override struct {
	access
	settings
}

// contentType is one worker pool.
type contentType struct {
	// Name of the processor in the worker binary: a built-in one (backup, exec) or one of worker.processors.
	Processor given[string] `yaml:"processor" match:"name" required:"true"`
	// Program and arguments, run in the folder files; processor exec only.
	Command list `yaml:"command" least:"1" scalars:"true" repeats:"true"`
	// Folder of the content type's own program, relative to this file. What its .workerignore names, read as a .dockerignore file is, does not reach instances. Nor do caches and backups of systems, editors, Python and version control.
	Files given[string] `yaml:"files"`
	// Other content types whose artifacts the worker may read.
	Reads list `yaml:"reads" match:"name"`
	// Whether the work reaches the internet. Default: what is known of the processor; of exec and your own it is not known. Network mode private-endpoints takes only content types that do not.
	Internet given[bool] `yaml:"internet"`
	// Chef role of the instances. Default: worker-NAME.
	Role given[string] `yaml:"role" match:"chefRole"`
	// Folder of the content type's own Chef cookbooks, each a folder in it, relative to this file. Ignored is the same as in files.
	Cookbooks given[string] `yaml:"cookbooks"`
	// Recipes of these cookbooks that Chef runs before it starts the worker, such as recipe[imap::tools].
	RunList list `yaml:"runList" match:"recipe" least:"1"`

	access
	settings
}

// access is what a content type may use and who may use it: what its accounts differ in.
type access struct {
	// Options of the processor, whose schema the worker describes (worker describe). Those of an environment replace those of the content type as a whole.
	Options document `yaml:"options"`
	// Extra environment variables of the worker; names that start with WORKER_ or AWS_ are the tier's own. Not for secrets.
	Environment table[given[string]] `yaml:"environment" keys:"variable" scalars:"true"`
	// Names of Secrets Manager secrets that the worker may read, or of SSM parameters, such as ssm:/imap/password. A key of your own that encrypts them needs a policy statement (kms:Decrypt).
	Secrets list `yaml:"secrets" match:"anySecret"`
	// Extra permissions of the instance role.
	PolicyStatements sections[policyStatement] `yaml:"policyStatements"`
	// Who may send to the queue, beside principals of the account that IAM allows it: ARNs of IAM principals, or account ids.
	Producers list `yaml:"producers" match:"producer" number:"true"`
	// Tags of the content type's stack and everything in it. Instances do not get a tag whose key has a space or a slash.
	Tags table[given[string]] `yaml:"tags" keys:"tagKey" match:"tagValue" scalars:"true"`
}

// policyStatement allows actions on resources.
type policyStatement struct {
	// IAM actions.
	Actions list `yaml:"actions" match:"action" least:"1" required:"true"`
	// ARNs, or * for all.
	Resources list `yaml:"resources" match:"resource" least:"1" required:"true"`
}

// section is embedded where it matters whether a mapping was given at all.
type section struct {
	at  position // of its key
	set bool
}

func (s *section) mark(at position) { s.at, s.set = at, true }

// leaf is what all values have in common: whether they stand in the file, where, and whether they
// could be read.
type leaf struct {
	at  position // of the value
	set bool
	bad bool
}

func (l leaf) state() leaf { return l }

// usable is true for a value to reason about: given or defaulted, and readable.
func (l leaf) usable() bool { return l.set && !l.bad }

// given is one value.
type given[T string | int | bool | time.Duration] struct {
	leaf
	value T
}

// measurable is a duration where measuring starts, or the word of its rule where none is known.
type measurable struct{ given[time.Duration] }

// list is a list of texts, each with its own place.
type list struct {
	leaf
	items []given[string]
}

// texts are the readable items.
func (l list) texts() []string {
	var texts []string
	for _, item := range l.items {
		if item.usable() {
			texts = append(texts, item.value)
		}
	}
	return texts
}

// table is a mapping whose keys the user chooses, in the order of the file.
type table[T any] struct {
	section
	members []member[T]
}

// state makes a table one setting where settings are laid over each other: it is replaced as a whole.
func (t table[T]) state() leaf { return leaf{at: t.at, set: t.set} }

type member[T any] struct {
	key   given[string]
	value T
}

// sections is a list of mappings.
type sections[T any] struct {
	section
	items []T
}

// state makes the list one setting, as that of a table does.
func (s sections[T]) state() leaf { return leaf{at: s.at, set: s.set} }
