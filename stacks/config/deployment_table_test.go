package config

import "strings"

// deploymentMistakes are those around environments, network, Chef and the worker; see mistakes.
var deploymentMistakes = map[string]mistake{
	"no environment":          {[]edit{{"  dev: {account: \"111122223333\", region: us-east-1, disposable: true}", "  {}"}}, []string{"3:1: environments: is empty (the tier needs at least one environment)"}},
	"environments are a list": {[]edit{{"  dev: {account: \"111122223333\", region: us-east-1, disposable: true}", "  - dev"}}, []string{"4:3: environments: must be a mapping of keys to values, not a list"}},
	"no content type yet":     {[]edit{{"contentTypes:\n  docs: {processor: backup}", "contentTypes: {}"}}, nil},

	"account as a number":      {[]edit{{`"111122223333"`, "111122223333"}}, nil},
	"account of 11 digits":     {[]edit{{`"111122223333"`, `^"11112222333"`}}, []string{`environments.dev.account: "11112222333" is not possible (twelve digits in quotes, such as "111122223333")`}},
	"account in octal":         {[]edit{{`"111122223333"`, `^000000000000`}}, []string{"environments.dev.account: 000000000000 must be in quotes (without them a number that starts with 0 is octal in YAML, and other readers of this file see another number)"}},
	"region without dash":      {[]edit{{"us-east-1", "^us-east1"}}, []string{`environments.dev.region: "us-east1" is not possible (a Region such as us-east-1)`}},
	"sovereign region":         {[]edit{{"us-east-1", "^eusc-de-east-1"}}, []string{"environments.dev.region: eusc-de-east-1 is in partition aws-eusc, which the tier does not support (it supports aws, aws-cn and aws-us-gov)"}},
	"region of a secret cloud": {[]edit{{"us-east-1", "^us-isob-east-1"}}, []string{"environments.dev.region: us-isob-east-1 is in partition aws-iso-b, which the tier does not support (it supports aws, aws-cn and aws-us-gov)"}},
	"producer of another partition": {
		[]edit{{"us-east-1", "cn-north-1"}, {docs, docs + `, producers: [^"arn:aws:iam::111122223333:role/a", "arn:aws-cn:iam::111122223333:role/a", "111122223333"]`}},
		[]string{"contentTypes.docs.producers[0]: an ARN of partition aws cannot be used in cn-north-1, which is in aws-cn (the other is environments.dev.region in line 4)"},
	},
	"statement for another partition": {
		[]edit{{"us-east-1", "us-gov-west-1"}, {docs, docs + `, policyStatements: [{actions: ["s3:*"], resources: ["*", "arn:*:s3:::a", "arn:aws-us-gov:s3:::a", ^"arn:aws:s3:::a"]}]`}},
		[]string{"contentTypes.docs.policyStatements[0].resources[3]: an ARN of partition aws cannot be used in us-gov-west-1, which is in aws-us-gov (the other is environments.dev.region in line 4)"},
	},
	"key of another partition": {
		[]edit{{env, env + `, alarms: {kmsKey: ^"arn:aws-cn:kms:us-east-1:111122223333:key/1"}`}},
		[]string{"environments.dev.alarms.kmsKey: an ARN of partition aws-cn cannot be used in us-east-1, which is in aws (the other is environments.dev.region in line 4)"},
	},
	"one zone":                 {[]edit{{env, env + ", availabilityZones: ^[us-east-1a]"}}, []string{"environments.dev.availabilityZones: has 1 of at least 2 values (an availability zone such as us-east-1a; a Local Zone needs network mode existing)"}},
	"zone of another region":   {[]edit{{env, env + ", availabilityZones: [us-east-1a, ^us-east-2a]"}}, []string{`environments.dev.availabilityZones[1]: "us-east-2a" is not in the environment's region us-east-1`}},
	"local zone":               {[]edit{{env, env + ", availabilityZones: [us-east-1a, ^us-east-1-bos-1a]"}}, []string{`environments.dev.availabilityZones[1]: "us-east-1-bos-1a" is not possible (an availability zone such as us-east-1a; a Local Zone needs network mode existing)`}},
	"zone beyond the blocks":   {[]edit{{env, env + ", availabilityZones: [us-east-1a, ^us-east-1p]"}}, []string{`environments.dev.availabilityZones[1]: "us-east-1p" is not possible (an availability zone such as us-east-1a; a Local Zone needs network mode existing)`}},
	"existing in a local zone": {[]edit{{env, "network: {mode: existing, vpc: vpc-12345678, subnets: {us-east-1a: subnet-12345678, us-east-1-bos-1a: subnet-12345679}}"}}, nil},

	"neither account nor region": {
		[]edit{{`account: "111122223333", region: us-east-1, `, ""}},
		[]string{
			`4:3: environments.dev.account: is missing (twelve digits in quotes, such as "111122223333")`,
			"4:3: environments.dev.region: is missing (a Region such as us-east-1)",
		},
	},
	"no account, all pinned": {
		[]edit{{"account: \"111122223333\", ", "availabilityZones: [us-east-1a, us-east-1b], baseImage: {amiId: ami-12345678}, "}},
		[]string{`4:3: environments.dev.account: is missing (twelve digits in quotes, such as "111122223333")`},
	},

	"no network":                 {[]edit{{env, "disposable: false"}}, []string{"4:3: environments.dev.network: is missing (public, private-nat, private-endpoints or existing; only a disposable environment has a default, public)"}},
	"network of the tier":        {[]edit{{env, "disposable: false"}, {top, "network: {mode: private-nat}\n" + top}}, nil},
	"network of the environment": {[]edit{{env, "network: {mode: private-nat}"}}, nil},
	"existing without its VPC": {
		[]edit{{env, "network: {mode: existing}"}},
		[]string{
			"4:53: environments.dev.network.subnets: is missing (mode existing needs one per availability zone, such as {us-east-1a: subnet-…, us-east-1b: subnet-…})",
			"4:53: environments.dev.network.vpc: is missing (mode existing needs it)",
		},
	},
	"existing with one subnet": {
		[]edit{{env, "network: {mode: existing, vpc: vpc-12345678, ^subnets: {us-east-1a: subnet-12345678}}"}},
		[]string{"environments.dev.network.subnets: has 1 of at least 2 availability zones"},
	},
	"existing in another region": {
		[]edit{{env, "network: {mode: existing, vpc: vpc-12345678, subnets: {us-east-1a: subnet-12345678, ^us-west-1a: subnet-12345679}}"}},
		[]string{`environments.dev.network.subnets.us-west-1a: "us-west-1a" is not in the environment's region us-east-1`},
	},
	"existing and zones": {
		[]edit{{env, "network: {mode: existing, vpc: vpc-12345678, subnets: {us-east-1a: subnet-12345678, us-east-1b: subnet-12345679}}, availabilityZones: ^[us-east-1a, us-east-1b]"}},
		[]string{"environments.dev.availabilityZones: cannot stand beside network mode existing (the zones are those of environments.dev.network.subnets)"},
	},
	"subnet twice": {
		[]edit{{env, "network: {mode: existing, vpc: vpc-12345678, subnets: {us-east-1a: subnet-12345678, us-east-1b: ^subnet-12345678}}"}},
		[]string{"environments.dev.network.subnets.us-east-1b: subnet-12345678 is given for us-east-1a too (a subnet is in one zone)"},
	},
	"internet without a way": {
		[]edit{{env, "network: {mode: private-endpoints}"}, {docs, docs + ", internet: ^true"}},
		[]string{"contentTypes.docs.internet: content type docs reaches the internet, which network mode private-endpoints has no way to (the other is environments.dev.network.mode in line 4)"},
	},
	"perhaps the internet": {
		[]edit{{env, "network: {mode: private-endpoints}"}, {"backup", "exec, command: [a]"}},
		[]string{"6:3: contentTypes.docs.internet: is missing (environments.dev.network.mode private-endpoints has no way to the internet; false says that processor exec needs none)"},
	},
	"no internet":             {[]edit{{env, "network: {mode: private-endpoints}"}, {"backup", "exec, command: [a], internet: false"}}, nil},
	"backup needs none":       {[]edit{{env, "network: {mode: private-endpoints}"}}, nil},
	"internet where it is":    {[]edit{{env, "network: {mode: private-nat}"}, {docs, docs + ", internet: true"}}, nil},
	"override of nothing":     {[]edit{{env, env + ", contentTypes: {^doc: {}}"}}, []string{`environments.dev.contentTypes.doc: there is no content type "doc" to change (there are docs; did you mean docs?)`}},
	"override of what is not": {[]edit{{env, env + ", contentTypes: {docs: {^processor: exec}}"}}, []string{"environments.dev.contentTypes.docs.processor: unknown key (allowed: options, environment, secrets, policyStatements, producers, tags, instanceTypes, processesPerInstance, memoryPerProcess, rootVolume, inbound, queue, capacity, scaleOut, scaleIn, spot, warmPool, schedule, protectBusy, hardening, watch, job, boot)"}},
	"override of variables":   {[]edit{{env, env + ", contentTypes: {docs: {environment: {^AWS_X: a}}}"}}, []string{"environments.dev.contentTypes.docs.environment.AWS_X: names that start with WORKER_ or AWS_ are set by the tier (choose another name)"}},
	"override against the type": {
		[]edit{{env, env + ", contentTypes: {docs: {capacity: {max: ^2}}}"}, {docs, docs + ", capacity: {min: 3, max: 9}"}},
		[]string{"environments.dev.contentTypes.docs.capacity.max: min 3 is more than max 2 (the other is contentTypes.docs.capacity.min in line 6)"},
	},
	"VPC of another mode": {[]edit{{env, "network: {mode: public, vpc: ^vpc-12345678}"}}, []string{"environments.dev.network.vpc: is only for mode existing"}},
	"no way to the package": {
		[]edit{{env, "network: {mode: ^private-endpoints}"}, {`"18"`, `"18", package: {url: "https://example.com/cinc.rpm", sha256: ` + zeros + `}`}},
		[]string{"environments.dev.network.mode: network mode private-endpoints reaches chef.package.url only in an S3 bucket of the Region, by an address such as https://BUCKET.s3.us-east-1.amazonaws.com/KEY (the other is chef.package.url in line 2)"},
	},
	"package on S3": {
		[]edit{{env, "network: {mode: private-endpoints}"}, {`"18"`, `"18", package: {url: "https://tools.s3.us-east-1.amazonaws.com/cinc.rpm", sha256: ` + zeros + `}`}}, nil,
	},

	// Security.
	"SSH":                                    {[]edit{{docs, docs + ", inbound: [{port: ^22, from: sg-01234567}]"}}, []string{"contentTypes.docs.inbound[0].port: 22 is SSH, which is not let in (Session Manager is the way in)"}},
	"inbound from addresses":                 {[]edit{{docs, docs + ", inbound: [{port: 9100, from: ^10.0.0.0/8}]"}}, []string{`contentTypes.docs.inbound[0].from: "10.0.0.0/8" is not possible (a security group's id: sg- and 17 hexadecimal digits)`}},
	"inbound from nowhere":                   {[]edit{{docs, docs + ", inbound: [^{port: 9100}]"}}, []string{"contentTypes.docs.inbound[0].from: is missing (a security group's id: sg- and 17 hexadecimal digits)"}},
	"inbound protocol":                       {[]edit{{docs, docs + ", inbound: [{port: 9100, from: sg-01234567, ^protocol: udp}]"}}, []string{"contentTypes.docs.inbound[0].protocol: unknown key (allowed: port, from)"}},
	"inbound twice":                          {[]edit{{docs, docs + ", inbound: [{port: 9100, from: sg-01234567}, {port: 5666, from: sg-01234567}, {port: 9100, from: ^sg-01234567}]"}}, []string{"contentTypes.docs.inbound[2].from: sg-01234567 may connect to port 9100 already (leave one out)"}},
	"SSH of the defaults, refused by a type": {[]edit{{top, "defaults: {inbound: [{port: 22, from: sg-01234567}]}\n" + top}, {docs, docs + ", inbound: []"}}, nil},
	"watched on a privileged port":           {[]edit{{docs, docs + ", watch: {port: ^80}"}}, []string{"contentTypes.docs.watch.port: 80 is out of range (1024 to 65535)"}},
	"Graphite without a port":                {[]edit{{docs, docs + ", watch: {graphite: ^carbon.example.com}"}}, []string{`contentTypes.docs.watch.graphite: "carbon.example.com" is not possible (a host and a port such as carbon.example.com:2003)`}},
	"Graphite at no port":                    {[]edit{{docs, docs + ", watch: {graphite: ^carbon:65536}"}}, []string{`contentTypes.docs.watch.graphite: "carbon:65536" is not possible (a host and a port such as carbon.example.com:2003)`}},
	"key by alias":                           {[]edit{{docs, docs + ", queue: {kmsKey: ^alias/jobs}"}}, []string{`contentTypes.docs.queue.kmsKey: "alias/jobs" is not possible (the ARN of a KMS key, such as arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab; permissions know no aliases)`}},
	"key of another Region":                  {[]edit{{docs, docs + ", queue: {kmsKey: ^" + key + "}"}, {"us-east-1", "eu-west-1"}}, []string{"contentTypes.docs.queue.kmsKey: a key of us-east-1 cannot be used in eu-west-1 (the other is environments.dev.region in line 4)"}},
	"alarm key of another Region":            {[]edit{{env, env + ", alarms: {kmsKey: ^" + strings.Replace(key, "us-east-1", "eu-west-1", 1) + "}"}}, []string{"environments.dev.alarms.kmsKey: a key of eu-west-1 cannot be used in us-east-1 (the other is environments.dev.region in line 4)"}},
	"keys of the Region":                     {[]edit{{docs, docs + ", queue: {kmsKey: " + key + "}"}, {env, env + ", alarms: {kmsKey: " + key + "}"}}, nil},

	"two images":        {[]edit{{top, "baseImage: {ssmParameter: /a/b, amiId: ^ami-12345678}\n" + top}}, []string{"baseImage.amiId: cannot stand beside ssmParameter (an image is named in one way)"}},
	"no image":          {[]edit{{top, "^baseImage: {}\n" + top}}, []string{"baseImage: names no image (ssmParameter or amiId)"}},
	"misspelt image":    {[]edit{{top, "baseImage: {^ami: ami-12345678}\n" + top}}, []string{"baseImage.ami: unknown key (allowed: ssmParameter, amiId, rootDevice; did you mean amiId?)"}},
	"image id too long": {[]edit{{top, "baseImage: {amiId: ^ami-0123456789abcdef01}\n" + top}}, []string{`baseImage.amiId: "ami-0123456789abcdef01" is not possible (an image id: ami- and 17 hexadecimal digits)`}},

	"image pipeline":                   {[]edit{{env, env + ", imageBuilder: {}"}, {`"18"`, `"18", ` + rpm}}, nil},
	"image pipeline without a client":  {[]edit{{env, env + ", ^imageBuilder: {keep: 3}"}}, []string{"environments.dev.imageBuilder: needs chef.package with url and sha256 (the client that is put into the image)"}},
	"image pipeline and half a client": {[]edit{{env, env + ", imageBuilder: {}"}, {`"18"`, `"18", ^package: {sha256: ` + zeros + `}`}}, []string{"chef.package.url: is missing (an https:// URL of a file)"}},
	"Debian's package for the image": {
		[]edit{{env, env + ", ^imageBuilder: {}"}, {`"18"`, `"18", ` + strings.Replace(rpm, ".rpm", ".deb", 1)}},
		[]string{"environments.dev.imageBuilder: the image is an Amazon Linux, which takes no package of Debian (the other is chef.package.url in line 2)"},
	},
	"a reference in the URL": {
		[]edit{{env, env + ", imageBuilder: {}"}, {`"18"`, `"18", ` + strings.Replace(rpm, `"https://example.com/`, `^"https://example.com/{{a}}/`, 1)}},
		[]string{"chef.package.url: holds {{, which Image Builder takes for a reference of its own (write %7B%7B)"},
	},
	"no way to Image Builder": {
		[]edit{{env, "network: {mode: private-endpoints}, ^imageBuilder: {}"}, {`"18"`, `"18", ` + strings.Replace(rpm, "example.com", "a.s3.us-east-1.amazonaws.com", 1)}},
		[]string{"environments.dev.imageBuilder: cannot stand beside network mode private-endpoints, which has no endpoint of Image Builder (build the image in an environment of the same account with another mode)"},
	},
	"too few images":    {[]edit{{env, env + ", imageBuilder: {keep: ^2}"}, {`"18"`, `"18", ` + rpm}}, []string{"environments.dev.imageBuilder.keep: 2 is out of range (3 to 1000)"}},
	"schedule of a day": {[]edit{{env, env + ", imageBuilder: {schedule: ^daily}"}, {`"18"`, `"18", ` + rpm}}, []string{`environments.dev.imageBuilder.schedule: "daily" is not possible (weekly, monthly)`}},
	"image builder on":  {[]edit{{env, env + ", imageBuilder: ^true"}, {`"18"`, `"18", ` + rpm}}, []string{"environments.dev.imageBuilder: must be a mapping of keys to values, not true"}},
	"pool and pipeline of one stack": {
		[]edit{{"  dev: {", "  dev-base: {account: \"111122223333\", region: us-east-1, disposable: true}\n  dev: {imageBuilder: {}, "}, {"docs:", "image: {processor: backup}\n  docs:"}, {`"18"`, `"18", ` + rpm}},
		[]string{
			"3:1: environments: there are several and none is named (tier -e NAME or cdk -c env=NAME, one of dev, dev-base)",
			"5:3: environments.dev: the stack of base-image here and that of image in environment dev-base would both be named tier-dev-base-image (rename one)",
		},
	},

	"licence not accepted": {[]edit{{"distribution: cinc", "distribution: chef, acceptLicense: ^false"}}, []string{"chef.acceptLicense: must be true for distribution chef (it accepts Chef's licence; cinc needs nothing)"}},
	"licence of cinc":      {[]edit{{"cinc", "cinc, acceptLicense: ^true"}}, []string{"chef.acceptLicense: is not for distribution cinc (it has no licence to accept)"}},
	"Chef server":          {[]edit{{"cinc", "cinc, server: {url: https://chef.example.com, organization: acme, validatorSecret: chef/validator}"}}, nil},
	"no organizations":     {[]edit{{"cinc", "cinc, server: {url: https://chef.example.com:4545/api, validatorSecret: chef/validator}"}}, nil},
	"server over http":     {[]edit{{"cinc", "cinc, server: {url: ^http://chef, validatorSecret: a}"}}, []string{`chef.server.url: "http://chef" is not possible (an https:// address such as https://chef.example.com)`}},
	"server without a key": {[]edit{{"cinc", "cinc, ^server: {url: https://chef.example.com}"}}, []string{"chef.server.validatorSecret: is missing (a secret's name: letters, digits and /_+=.@-)"}},
	"server as an address": {[]edit{{"cinc", "cinc, server: ^https://chef.example.com"}}, []string{`chef.server: must be a mapping of keys to values, not the text "https://chef.example.com"`}},
	"display name":         {[]edit{{"cinc", "cinc, server: {url: https://chef.example.com, organization: ^Acme Inc, validatorSecret: a}"}}, []string{`chef.server.organization: "Acme Inc" is not possible (an organization's short name: a-z, 0-9, _ and -)`}},
	"no way to the server": {
		[]edit{{env, "network: {mode: ^private-endpoints}"}, {"cinc", "cinc, server: {url: https://chef.example.com, validatorSecret: a}"}},
		[]string{"environments.dev.network.mode: network mode private-endpoints has no way to chef.server.url (the other is chef.server.url in line 2)"},
	},
	"package over http": {[]edit{{"cinc", "cinc, package: {url: ^http://a/b, sha256: " + zeros + "}"}}, []string{`chef.package.url: "http://a/b" is not possible (an https:// URL of a file)`}},

	"worker twice":            {[]edit{{top, "worker: {package: ./worker, file: ^released, sha256: " + released + "}\n" + top}}, []string{"worker.file: cannot stand beside worker.package (the worker is built or taken from a file)"}},
	"worker without hash":     {[]edit{{top, "worker: {file: ^released}\n" + top}}, []string{"worker.file: needs worker.sha256 beside it"}},
	"hash without worker":     {[]edit{{top, "worker: {sha256: ^" + zeros + "}\n" + top}}, []string{"worker.sha256: is only for worker.file"}},
	"worker of another hash":  {[]edit{{top, "worker: {file: released, sha256: ^" + zeros + "}\n" + top}}, []string{`worker.sha256: "released" has another hash: ` + released}},
	"worker that is a folder": {[]edit{{top, "worker: {file: ^program, sha256: " + zeros + "}\n" + top}}, []string{`worker.file: "program" is not there (a file, relative to the folder of this one)`}},
	"worker by import path":   {[]edit{{top, "worker: {package: example.com/tier/worker}\n" + top}}, nil},
}

const (
	zeros    = "\"0000000000000000000000000000000000000000000000000000000000000000\""
	rpm      = `package: {url: "https://example.com/cinc.rpm", sha256: ` + zeros + `}`
	key      = `"arn:aws:kms:us-east-1:111122223333:key/1"`
	released = "58eaf5a78d580f5dbd49d31a5b733094169b31bfdf49055b74bcac2877d8f58c" // of the file that folder makes
)
