package stacks

import "strings"

// changed is the configuration whose keys the tests change.
const changed = `
name: tier
baseImage: {ssmParameter: /images/base}
chef: {distribution: cinc, version: "18"}
network: {mode: private-nat}
worker: {package: ./bundle, processors: [other]}
environments:
  dev: {account: "111122223333", region: us-east-1, availabilityZones: [us-east-1a, us-east-1b]}
contentTypes:
  docs: {processor: backup}
  mail: {processor: other}
`

// set gives a key a value. Steps of its path are separated by dots, "-" takes the key out.
type set struct {
	path  string
	value any
}

func (s set) in(tree map[string]any) {
	steps := strings.Split(s.path, ".")
	for _, step := range steps[:len(steps)-1] {
		inner, _ := tree[step].(map[string]any)
		if inner == nil {
			inner = map[string]any{}
			tree[step] = inner
		}
		tree = inner
	}
	last := steps[len(steps)-1]
	if s.value == "-" {
		delete(tree, last)
		return
	}
	tree[last] = s.value
}

// change is a change of one key: what the configuration needs beside it before, and what is set then. Code says that the worker
// is another one.
type change struct {
	before, after []set
	code          bool
}

func to(path string, value any) change { return change{after: []set{{path, value}}} }

// docs is a change of the content type docs.
func docs(path string, value any) change { return to("contentTypes.docs."+path, value) }

func (c change) with(before ...set) change {
	c.before = append(c.before, before...)
	return c
}

type (
	list = []any
	keys = map[string]any
)

const (
	vpc, otherVPC = "vpc-00000001", "vpc-00000002"
	key           = "arn:aws:kms:us-east-1:111122223333:key/1"
	sha           = "abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789"
)

var (
	existing = []set{
		{"network", keys{"mode": "existing", "vpc": vpc, "subnets": keys{"us-east-1a": "subnet-00000001", "us-east-1b": "subnet-00000002"}}},
		{"environments.dev.availabilityZones", "-"},
	}
	server   = set{"chef.server", keys{"url": "https://chef.example.com", "organization": "one", "validatorSecret": "validator"}}
	packaged = set{"chef.package", keys{"url": "https://example.com/cinc.rpm", "sha256": sha}}
	builder  = set{"environments.dev.imageBuilder", keys{"schedule": "weekly", "keep": 3}}
	mornings = set{"contentTypes.docs.schedule", keys{"mornings": keys{"cron": "0 7 * * *", "min": 2, "max": 9}}}
	cooks    = set{"contentTypes.docs.cookbooks", "cookbooks"}
	spot     = set{"contentTypes.docs.spot", keys{"percent": 50}}
	types    = set{"contentTypes.docs.instanceTypes", list{"m7g.large", "c7g.large"}}
	warm     = set{"contentTypes.docs.warmPool", keys{"size": 2}}
	program  = set{"contentTypes.docs", keys{"processor": "exec", "command": list{"./run.sh"}, "internet": false}}
)

// changes has a change of each key of worker-tier.schema.json; a * stands for a name that the user chooses.
var changes = map[string]change{
	"name":                        to("name", "other"),
	"docs":                        to("docs", "https://wiki.example.com/tier/"),
	"baseImage.ssmParameter":      to("baseImage.ssmParameter", "/images/another"),
	"baseImage.amiId":             to("baseImage.amiId", "ami-00000002").with(set{"baseImage", keys{"amiId": "ami-00000001"}}),
	"baseImage.rootDevice":        to("baseImage.rootDevice", "/dev/sda1"),
	"chef.distribution":           to("chef", keys{"distribution": "chef", "version": "18", "acceptLicense": true}),
	"chef.version":                to("chef.version", "19"),
	"chef.acceptLicense":          to("chef", keys{"distribution": "chef", "version": "18", "acceptLicense": true}),
	"chef.package.url":            to("chef.package.url", "https://example.com/other.rpm").with(packaged),
	"chef.package.sha256":         to("chef.package.sha256", strings.Repeat("0", 64)).with(packaged),
	"chef.server.url":             to("chef.server.url", "https://chef2.example.com").with(server),
	"chef.server.organization":    to("chef.server.organization", "two").with(server),
	"chef.server.validatorSecret": to("chef.server.validatorSecret", "other").with(server),
	"network.mode":                to("network.mode", "public"),
	"network.vpc":                 to("network.vpc", otherVPC).with(existing...),
	"network.subnets":             to("network.subnets", keys{"us-east-1a": "subnet-00000001", "us-east-1b": "subnet-00000003"}).with(existing...),
	"worker.package":              {code: true},
	"worker.file":                 {code: true},
	"worker.sha256":               {code: true},
	"worker.processors":           to("worker.processors", list{"other", "mine"}),
	"tags":                        to("tags", keys{"owner": "me"}),

	"environments.*.account":               to("environments.dev.account", "444455556666"),
	"environments.*.region":                to("environments.dev", keys{"account": "111122223333", "region": "eu-west-1", "availabilityZones": list{"eu-west-1a", "eu-west-1b"}}),
	"environments.*.availabilityZones":     to("environments.dev.availabilityZones", list{"us-east-1a", "us-east-1b", "us-east-1c"}),
	"environments.*.disposable":            to("environments.dev.disposable", true),
	"environments.*.alarms.kmsKey":         to("environments.dev.alarms.kmsKey", key),
	"environments.*.imageBuilder.schedule": to("environments.dev.imageBuilder.schedule", "monthly").with(packaged, builder),
	"environments.*.imageBuilder.keep":     to("environments.dev.imageBuilder.keep", 5).with(packaged, builder),
	"environments.*.tags":                  to("environments.dev.tags", keys{"owner": "me"}),

	"contentTypes.*.processor": docs("processor", "other"),
	"contentTypes.*.command":   docs("command", list{"./run.sh", "again"}).with(program),
	"contentTypes.*.files":     docs("files", "thumbs").with(program),
	"contentTypes.*.reads":     docs("reads", list{"mail"}),
	"contentTypes.*.internet":  docs("internet", true),
	"contentTypes.*.role":      docs("role", "other"),
	"contentTypes.*.cookbooks": docs("cookbooks", "cookbooks"),
	"contentTypes.*.runList":   docs("runList", list{"recipe[fonts]"}).with(cooks),

	"contentTypes.*.environment":      docs("environment", keys{"LANG": "C"}),
	"contentTypes.*.options":          docs("options", keys{"level": 3}),
	"contentTypes.*.secrets":          docs("secrets", list{"imap"}),
	"contentTypes.*.policyStatements": docs("policyStatements", list{keys{"actions": list{"polly:SynthesizeSpeech"}, "resources": list{"*"}}}),
	"contentTypes.*.producers":        docs("producers", list{"arn:aws:iam::111122223333:role/frontend"}),
	"contentTypes.*.tags":             docs("tags", keys{"owner": "me"}),

	"contentTypes.*.instanceTypes":             docs("instanceTypes", list{"m7g.xlarge"}),
	"contentTypes.*.processesPerInstance":      docs("processesPerInstance", 3),
	"contentTypes.*.memoryPerProcess":          docs("memoryPerProcess", 1024),
	"contentTypes.*.rootVolume.size":           docs("rootVolume.size", 40),
	"contentTypes.*.inbound":                   docs("inbound", list{keys{"port": 9100, "from": "sg-00000001"}}),
	"contentTypes.*.queue.kmsKey":              docs("queue.kmsKey", key),
	"contentTypes.*.capacity.min":              docs("capacity.min", 2),
	"contentTypes.*.capacity.max":              docs("capacity.max", 9),
	"contentTypes.*.scaleOut.method":           docs("scaleOut.method", "targetTracking"),
	"contentTypes.*.scaleOut.targetLatency":    docs("scaleOut.targetLatency", "20m"),
	"contentTypes.*.scaleOut.meanJobTime":      docs("scaleOut.meanJobTime", "9m"),
	"contentTypes.*.scaleIn.cpuBelow":          docs("scaleIn.cpuBelow", 60),
	"contentTypes.*.scaleIn.for":               docs("scaleIn.for", "5m"),
	"contentTypes.*.scaleIn.removePercent":     docs("scaleIn.removePercent", 20),
	"contentTypes.*.spot.percent":              docs("spot.percent", 80).with(types, spot),
	"contentTypes.*.spot.drainOnRebalance":     docs("spot.drainOnRebalance", true).with(types, spot),
	"contentTypes.*.spot.onDemandBase":         docs("spot.onDemandBase", 1).with(types, spot),
	"contentTypes.*.warmPool.size":             docs("warmPool.size", 3).with(warm),
	"contentTypes.*.warmPool.state":            docs("warmPool.state", "running").with(warm),
	"contentTypes.*.schedule.*.cron":           docs("schedule.mornings.cron", "0 8 * * *").with(mornings),
	"contentTypes.*.schedule.*.timeZone":       docs("schedule.mornings.timeZone", "Europe/Berlin").with(mornings),
	"contentTypes.*.schedule.*.min":            docs("schedule.mornings.min", 3).with(mornings),
	"contentTypes.*.schedule.*.max":            docs("schedule.mornings.max", 8).with(mornings),
	"contentTypes.*.protectBusy":               docs("protectBusy", true),
	"contentTypes.*.hardening.writableCode":    docs("hardening.writableCode", true),
	"contentTypes.*.hardening.namespaces":      docs("hardening.namespaces", true),
	"contentTypes.*.hardening.devices":         docs("hardening.devices", true),
	"contentTypes.*.watch.port":                docs("watch.port", 9464),
	"contentTypes.*.watch.graphite":            docs("watch.graphite", "carbon.example.com:2003"),
	"contentTypes.*.watch.emf":                 docs("watch.emf", true),
	"contentTypes.*.job.lease":                 docs("job.lease", "90s"),
	"contentTypes.*.job.heartbeat":             docs("job.heartbeat", "10s"),
	"contentTypes.*.job.sweep":                 docs("job.sweep", "20s"),
	"contentTypes.*.job.checkpoint":            docs("job.checkpoint", "20s"),
	"contentTypes.*.job.drainBudget":           docs("job.drainBudget", "90s"),
	"contentTypes.*.job.stall":                 docs("job.stall", "2h"),
	"contentTypes.*.job.failures.limit":        docs("job.failures.limit", 5),
	"contentTypes.*.job.failures.firstPause":   docs("job.failures.firstPause", "20s"),
	"contentTypes.*.job.failures.longestPause": docs("job.failures.longestPause", "5h"),
	"contentTypes.*.boot.timeout":              docs("boot.timeout", "11m"),
	"contentTypes.*.boot.keepFailed":           docs("boot.keepFailed", "16m"),
}
