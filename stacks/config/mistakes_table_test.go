package config

type mistake struct {
	edits []edit
	want  []string
}

// mistakes are single mistakes in an otherwise right file, by the behaviour they show. A ^ marks where
// the problem must be reported; without one the position stands in want. Want is empty for neighbours of
// a mistake that are right.
var mistakes = map[string]mistake{
	// Values.
	"no value": {
		[]edit{{docs, docs + ", role: ^"}},
		[]string{"contentTypes.docs.role: has no value (give it one or leave the key out)"},
	},
	"the base role": {
		[]edit{{docs, docs + ", role: ^worker-base"}},
		[]string{"contentTypes.docs.role: worker-base is the tier's own base role (choose another name)"},
	},
	"a mapping for a value": {
		[]edit{{docs, docs + ", role: ^{a: b}"}},
		[]string{"contentTypes.docs.role: must be a single value, not a mapping (a Chef role's name: letters, digits, _ and -)"},
	},
	"a text for a list": {
		[]edit{{"backup}", "exec, command: ^python3 main.py}"}},
		[]string{`contentTypes.docs.command: must be a list, not the text "python3 main.py" (such as [python3, main.py])`},
	},
	"an empty list": {
		[]edit{{docs, docs + ", instanceTypes: ^[]"}},
		[]string{"contentTypes.docs.instanceTypes: has 0 of at least 1 values (an EC2 instance type such as m7g.large)"},
	},
	"an item twice": {
		[]edit{{docs, docs + ", secrets: [a, ^a]"}},
		[]string{`contentTypes.docs.secrets[1]: "a" is there twice`},
	},
	"octal number":         {[]edit{{docs, docs + ", processesPerInstance: ^010"}}, []string{"contentTypes.docs.processesPerInstance: must be a whole number, not the number 010 (1 to 1000)"}},
	"quoted number":        {[]edit{{docs, docs + `, processesPerInstance: ^"2"`}}, []string{`contentTypes.docs.processesPerInstance: must be a whole number, not the text "2" (1 to 1000)`}},
	"fraction":             {[]edit{{docs, docs + ", processesPerInstance: ^1.5"}}, []string{"contentTypes.docs.processesPerInstance: must be a whole number, not the number 1.5 (1 to 1000)"}},
	"number beyond any":    {[]edit{{docs, docs + ", capacity: {max: ^99999999999999999999}"}}, []string{"contentTypes.docs.capacity.max: must be a whole number, not the number 99999999999999999999 (1 to 10000)"}},
	"duration in words":    {[]edit{{docs, docs + ", scaleIn: {for: ^10 minutes}"}}, []string{`contentTypes.docs.scaleIn.for: must be a duration such as 90s, 10m or 1h30m, not the text "10 minutes" (1m to 24h; did you mean 10m?)`}},
	"duration too short":   {[]edit{{docs, docs + ", job: {lease: ^500ms, heartbeat: 100ms}"}}, []string{"contentTypes.docs.job.lease: 500ms is out of range (1s to 1h)"}},
	"negative duration":    {[]edit{{docs, docs + ", job: {sweep: ^-5s}"}}, []string{"contentTypes.docs.job.sweep: -5s is out of range (1s to 1h)"}},
	"measured what is not": {[]edit{{docs, docs + ", scaleOut: {targetLatency: ^measured}"}}, []string{`contentTypes.docs.scaleOut.targetLatency: must be a duration such as 90s, 10m or 1h30m, not the text "measured" (1m to 24h)`}},
	"no job time":          {[]edit{{docs, docs + ", scaleOut: {meanJobTime: ^0s}"}}, []string{"contentTypes.docs.scaleOut.meanJobTime: 0s is out of range (1s to 720h, or measured)"}},
	"token of the CDK":     {[]edit{{docs, docs + `, environment: {A: ^"${Token[TOKEN.7]}"}`}}, []string{`contentTypes.docs.environment.A: holds "${Token[", which the CDK or CloudFormation takes for a reference of its own (leave it out)`}},
	"list of the CDK":      {[]edit{{"backup", `exec, command: [a, ^"#{Token[TOKEN.7]}"]`}}, []string{`contentTypes.docs.command[1]: holds "#{Token[", which the CDK or CloudFormation takes for a reference of its own (leave it out)`}},
	"dynamic reference":    {[]edit{{"backup", `exec, command: [^"{{resolve:ssm:a}}"]`}}, []string{`contentTypes.docs.command[0]: holds "{{resolve:", which the CDK or CloudFormation takes for a reference of its own (leave it out)`}},
	"braces are fine":      {[]edit{{"backup", `exec, command: ["${AWS::Region} {{a}} #{b}"]`}}, nil},
	"empty text":           {[]edit{{docs, docs + `, files: ^""`}}, []string{`contentTypes.docs.files: "" is not possible (it must not be empty)`}},

	// Scaling.
	"warm pool of Spot":          {[]edit{{docs, docs + ", spot: {percent: 50}, warmPool: {size: ^2}"}}, []string{"contentTypes.docs.warmPool.size: a warm pool cannot stand beside Spot instances (AWS refuses it) (the other is contentTypes.docs.spot.percent in line 6)"}},
	"warm pool of several types": {[]edit{{docs, docs + ", instanceTypes: [m7g.large, m6g.large], warmPool: {size: ^2}"}}, []string{"contentTypes.docs.warmPool.size: a warm pool cannot stand beside several instance types (AWS refuses it) (the other is contentTypes.docs.instanceTypes in line 6)"}},
	"on-demand base above max":   {[]edit{{docs, docs + ", spot: {onDemandBase: ^21}"}}, []string{"contentTypes.docs.spot.onDemandBase: onDemandBase 21 is more than max 20 (the other is a built-in default)"}},
	"unknown method":             {[]edit{{docs, docs + ", scaleOut: {method: ^tracking}"}}, []string{`contentTypes.docs.scaleOut.method: "tracking" is not possible (steps, targetTracking)`}},
	"target tracking from zero":  {[]edit{{docs, docs + ", capacity: {min: 0}, scaleOut: {method: ^targetTracking}"}}, []string{"contentTypes.docs.scaleOut.method: targetTracking cannot scale a group out from min 0 (min 1, or method steps) (the other is contentTypes.docs.capacity.min in line 6)"}},
	"schedule that does nothing": {[]edit{{docs, docs + `, schedule: {^day: {cron: "0 7 * * *"}}`}}, []string{"contentTypes.docs.schedule.day: changes nothing (give it min, max or both)"}},
	"schedule without a time":    {[]edit{{docs, docs + ", schedule: {^day: {min: 2}}"}}, []string{`contentTypes.docs.schedule.day.cron: is missing (five fields of cron, such as "0 7 * * MON-FRI")`}},
	"schedule of six fields":     {[]edit{{docs, docs + `, schedule: {day: {cron: ^"0 0 7 * * *", min: 2}}`}}, []string{`contentTypes.docs.schedule.day.cron: "0 0 7 * * *" is not possible (five fields of cron, such as "0 7 * * MON-FRI")`}},
	"times that are none":        {[]edit{{docs, docs + `, schedule: {day: {cron: ^"99 99 99 99 99", min: 2}}`}}, []string{`contentTypes.docs.schedule.day.cron: "99 99 99 99 99" is not possible: "99" is no minute (0 to 59)`}},
	"days that are none":         {[]edit{{docs, docs + `, schedule: {day: {cron: ^"0 7 * * MOON-FRY", min: 2}}`}}, []string{`contentTypes.docs.schedule.day.cron: "0 7 * * MOON-FRY" is not possible: "MOON-FRY" is no day of the week (0 to 7, or SUN to SAT)`}},
	"a date that never comes":    {[]edit{{docs, docs + `, schedule: {day: {cron: ^"0 7 30 FEB *", min: 2}}`}}, []string{`contentTypes.docs.schedule.day.cron: "0 7 30 FEB *" is not possible: no month of it has a day of it`}},
	"two changes at one moment": {
		[]edit{{docs, docs + `, schedule: {day: {cron: "0 7 * * MON-FRI", min: 2, max: 9}, cheap: {cron: ^"0 7 1 * *", min: 1, max: 9}}`}},
		[]string{"contentTypes.docs.schedule.cheap.cron: comes at the same moment as day, such as 2028-02-01 07:00 UTC (AWS takes one change of a group at a time)"},
	},
	"one moment in two time zones": {
		[]edit{{docs, docs + `, schedule: {day: {cron: "30 7 * * *", timeZone: Europe/Berlin, min: 2, max: 9}, india: {cron: ^"0 12 1 JAN *", timeZone: Asia/Kolkata, min: 1, max: 9}}`}},
		[]string{"contentTypes.docs.schedule.india.cron: comes at the same moment as day, such as 2028-01-01 06:30 UTC (AWS takes one change of a group at a time)"},
	},
	"one time in two time zones":  {[]edit{{docs, docs + `, schedule: {day: {cron: "0 7 * * *", timeZone: Europe/Berlin, min: 2, max: 9}, utc: {cron: "0 7 * * *", min: 1, max: 9}}`}}, nil},
	"time zone of this machine":   {[]edit{{docs, docs + `, schedule: {day: {cron: "0 7 * * *", timeZone: ^Local, min: 2}}`}}, []string{`contentTypes.docs.schedule.day.timeZone: there is no time zone "Local" (such as Europe/Berlin)`}},
	"time zone that is none":      {[]edit{{docs, docs + `, schedule: {day: {cron: "0 7 * * *", timeZone: ^Europe/Berln, min: 2}}`}}, []string{`contentTypes.docs.schedule.day.timeZone: there is no time zone "Europe/Berln" (such as Europe/Berlin)`}},
	"scheduled min above the max": {[]edit{{docs, docs + `, schedule: {day: {cron: "0 7 * * *", min: ^21}}`}}, []string{"contentTypes.docs.schedule.day.min: min 21 is more than max 20 (the other is a built-in default)"}},

	// Keys.
	"unknown key far from any": {
		[]edit{{docs, docs + ", rootVolume: {^type: gp3}"}},
		[]string{"contentTypes.docs.rootVolume.type: unknown key (allowed: size)"},
	},
	"key of another case": {
		[]edit{{docs, docs + ", ^rootvolume: {size: 30}"}},
		[]string{"contentTypes.docs.rootvolume: unknown key (allowed: processor, command, files, reads, internet, role, cookbooks, runList, options, environment, secrets, policyStatements, producers, tags, instanceTypes, processesPerInstance, memoryPerProcess, rootVolume, inbound, queue, capacity, scaleOut, scaleIn, spot, warmPool, schedule, protectBusy, hardening, watch, job, boot; did you mean rootVolume?)"},
	},
	"key with odd characters": {
		[]edit{{docs, docs + ", rootVolume: {^\"si\\nze\": 3}"}},
		[]string{`contentTypes.docs.rootVolume."si\nze": unknown key (allowed: size; did you mean size?)`},
	},
	"key that is a list":   {[]edit{{top, "^[a]: b\n" + top}}, []string{"a key must be a plain word, not a list"}},
	"missing section":      {[]edit{{"chef: {distribution: cinc, version: \"18\"}\n", ""}}, []string{"1:1: chef: is missing"}},
	"missing value":        {[]edit{{"{processor: backup}", "{}"}}, []string{"6:3: contentTypes.docs.processor: is missing (a letter a-z, then a-z, 0-9 and -, at most 31 characters)"}},
	"anchor is harmless":   {[]edit{{"{processor: backup}", "&d {processor: backup}"}}, nil},
	"alias":                {[]edit{{docs, "more: &m {processor: backup}\n  twin: ^*m\n  " + docs}}, []string{"contentTypes.twin: aliases (*m) are not read here (what content types share goes into defaults)"}},
	"merge key":            {[]edit{{docs + "}", "docs: {^<<: {processor: exec}, processor: backup}"}}, []string{"contentTypes.docs: merge keys (<<) are not read here (what content types share goes into defaults)"}},
	"tag of one's own":     {[]edit{{"name: tier", "name: ^!secret tier"}}, []string{`name: tags such as "!secret" are not read here`}},
	"explicit tag is fine": {[]edit{{"\"18\"", "!!str 18"}}, nil},

	// Names.
	"tier named like AWS's own": {[]edit{{"name: tier", "name: ^aws-tier"}}, []string{`name: "aws-tier" must not start with aws or ssm (SSM refuses parameters of such names)`}},
	"longest name":              {[]edit{{"docs:", "a123456789-123456789-1234567890:"}}, nil},
	"name too long":             {[]edit{{"docs:", "^a123456789-123456789-12345678901:"}}, []string{`contentTypes.a123456789-123456789-12345678901: "a123456789-123456789-12345678901" is no possible name (a letter a-z, then a-z, 0-9 and -, at most 31 characters)`}},
	"reserved name":             {[]edit{{"docs:", "^control:"}}, []string{"contentTypes.control: the name is reserved (as is jobs, shared, base-image)"}},
	"same stack from two environments": {
		[]edit{{docs, "b-docs: {processor: backup}\n  " + docs}, {"  dev:", "  dev-b: {account: \"111122223333\", region: us-east-1, disposable: true}\n  dev:"}},
		[]string{
			"3:1: environments: there are several and none is named (tier -e NAME or cdk -c env=NAME, one of dev, dev-b)",
			"5:3: environments.dev: the stack of b-docs here and that of docs in environment dev-b would both be named tier-dev-b-docs (rename one)",
		},
	},

	// Content types.
	"own processor":              {[]edit{{top, "worker: {processors: [thumbs]}\n" + top}, {"backup", "thumbs"}}, nil},
	"exec without command":       {[]edit{{"backup", "exec"}}, []string{"6:3: contentTypes.docs.command: is missing (processor exec runs a program, such as [python3, main.py])"}},
	"command without exec":       {[]edit{{docs, docs + ", command: ^[ls]"}}, []string{"contentTypes.docs.command: is only for processor exec, not for backup"}},
	"files that hold the config": {[]edit{{docs, docs + ", files: ^."}}, []string{`contentTypes.docs.files: "." holds this file, so that every edit would roll the pool (what is uploaded needs a folder of its own)`}},
	"files that are a file":      {[]edit{{docs, docs + ", files: ^tier.yaml"}}, []string{`contentTypes.docs.files: "tier.yaml" is not a folder`}},
	"files of one machine":       {[]edit{{docs, docs + ", files: ^/usr"}}, []string{`contentTypes.docs.files: must be relative to the folder of this file, not "/usr"`}},
	"files behind a link":        {[]edit{{docs, docs + ", files: linked"}}, nil},
	"files that are links": {
		[]edit{{docs, docs + ", files: ^links"}},
		[]string{
			`contentTypes.docs.files: "links" cannot be uploaded: "elsewhere" is a link to a folder (put the files themselves there, or take it out)`,
			`6:36: contentTypes.docs.files: "links" cannot be uploaded: "gone" is a link to nothing (put the files themselves there, or take it out)`,
		},
	},
	"recipe that is there":         {[]edit{{docs, docs + `, cookbooks: cookbooks, runList: ["recipe[imap::tools]"]`}}, nil},
	"recipe without its file":      {[]edit{{docs, docs + `, cookbooks: cookbooks, runList: [^"recipe[imap]"]`}}, []string{`contentTypes.docs.runList[0]: "cookbooks/imap/recipes/default.rb" is not there`}},
	"recipe of another cookbook":   {[]edit{{docs, docs + `, cookbooks: cookbooks, runList: [^"recipe[imapp::tools]"]`}}, []string{`contentTypes.docs.runList[0]: there is no cookbook "imapp" in "cookbooks" (it holds imap; did you mean imap?)`}},
	"recipe without cookbooks":     {[]edit{{docs, docs + `, runList: ^["recipe[imap::tools]"]`}}, []string{"contentTypes.docs.runList: needs cookbooks beside it (the folder that holds these recipes)"}},
	"role as a recipe":             {[]edit{{docs, docs + `, cookbooks: cookbooks, runList: [^"role[base]"]`}}, []string{`contentTypes.docs.runList[0]: "role[base]" is not possible (a recipe such as recipe[imap::tools])`}},
	"folder of no cookbook":        {[]edit{{docs, docs + ", cookbooks: ^recipes"}}, []string{`contentTypes.docs.cookbooks: "recipes/tools" is no cookbook: it holds neither metadata.rb nor metadata.json`}},
	"folder without a cookbook":    {[]edit{{docs, docs + ", cookbooks: ^program"}}, []string{`contentTypes.docs.cookbooks: "program" holds no cookbook (a folder with metadata.rb)`}},
	"variable of AWS":              {[]edit{{docs, docs + ", environment: {^AWS_REGION: x}"}}, []string{"contentTypes.docs.environment.AWS_REGION: names that start with WORKER_ or AWS_ are set by the tier (choose another name)"}},
	"tag of AWS":                   {[]edit{{docs, docs + `, tags: {^"aws:x": y}`}}, []string{"contentTypes.docs.tags.aws:x: tags that start with aws: belong to AWS (choose another key)"}},
	"tag of the tier":              {[]edit{{top, "tags: {^Name: y}\n" + top}}, []string{"tags.Name: Name and tags that start with worker-tier: are set by the tier (choose another key)"}},
	"tags that no instance takes":  {[]edit{{env, env + `, tags: {"cost center": y, acme/owner: y, _index: y, ".": y}`}}, nil},
	"tag that AWS does not take":   {[]edit{{env, env + `, tags: {^"a,b": y}`}}, []string{`environments.dev.tags.a,b: "a,b" is no possible name (at most 128 letters, digits, spaces and _.:/=+@-)`}},
	"tag of the tier, in capitals": {[]edit{{top, "tags: {^Worker-Tier:environment: y}\n" + top}}, []string{"tags.Worker-Tier:environment: Name and tags that start with worker-tier: are set by the tier (choose another key)"}},
	"tags of one name to IAM":      {[]edit{{top, "tags: {Owner: y}\n" + top}, {env, env + `, tags: {^owner: y}`}}, []string{"environments.dev.tags.owner: tags Owner and owner differ in the case of letters only, which IAM takes for one tag of a role (use one spelling) (the other is tags.Owner in line 3)"}},
	"role with a space":            {[]edit{{docs, docs + ", role: ^my role"}}, []string{`contentTypes.docs.role: "my role" is not possible (a Chef role's name: letters, digits, _ and -)`}},

	// Relations between settings of one pool, wherever they come from.
	"relation in the defaults, said once": {
		[]edit{{top, "defaults: {capacity: {min: ^9, max: 8}}\n" + top}, {docs, "more: {processor: backup}\n  " + docs}},
		[]string{"defaults.capacity.min: min 9 is more than max 8 (the other is defaults.capacity.max in line 3)"},
	},
	"relation that a content type mends": {[]edit{{top, "defaults: {capacity: {min: 9, max: 8}}\n" + top}, {docs, docs + ", capacity: {min: 1}"}}, nil},
	"relation with an environment": {
		[]edit{{env, env + ", defaults: {job: {heartbeat: 1s, checkpoint: 1s, lease: 4s}}"}, {docs, docs + ", job: {heartbeat: ^3s}"}},
		[]string{"contentTypes.docs.job.heartbeat: lease 4s is less than twice heartbeat 3s (the other is environments.dev.defaults.job.lease in line 4)"},
	},
	"checkpoint longer than lease":        {[]edit{{docs, docs + ", job: {checkpoint: ^61s}"}}, []string{"contentTypes.docs.job.checkpoint: checkpoint 1m1s is longer than lease 1m (the other is a built-in default)"}},
	"first pause longer than the longest": {[]edit{{docs, docs + ", job: {failures: {firstPause: ^7h}}"}}, []string{"contentTypes.docs.job.failures.firstPause: firstPause 7h is longer than longestPause 6h (the other is a built-in default)"}},
	"longest pause of another layer": {
		[]edit{{env, env + ", defaults: {job: {failures: {longestPause: 10m}}}"}, {docs, docs + ", job: {failures: {firstPause: ^11m}}"}},
		[]string{"contentTypes.docs.job.failures.firstPause: firstPause 11m is longer than longestPause 10m (the other is environments.dev.defaults.job.failures.longestPause in line 4)"},
	},
	"no failures allowed": {[]edit{{docs, docs + ", job: {failures: {limit: ^0}}"}}, []string{"contentTypes.docs.job.failures.limit: 0 is out of range (1 to 1000)"}},
	"boot longer than the launch hook": {
		[]edit{{docs, docs + ", boot: {keepFailed: 30m, timeout: ^1h28m1s}"}},
		[]string{"contentTypes.docs.boot.timeout: timeout 1h28m1s, keepFailed 30m and 2m to finish are more than the 2h that AWS lets a launch hook wait (the other is contentTypes.docs.boot.keepFailed in line 6)"},
	},
	"longest boot":  {[]edit{{docs, docs + ", boot: {keepFailed: 30m, timeout: 1h28m}"}}, nil},
	"longest drain": {[]edit{{docs, docs + ", job: {drainBudget: 1h59m30s}"}}, nil},
	"nothing follows from a bad value": {
		[]edit{{docs, docs + ", capacity: {min: 50, max: ^many}"}},
		[]string{`contentTypes.docs.capacity.max: must be a whole number, not the text "many" (1 to 10000)`},
	},
	"architecture of the image": {
		[]edit{{docs, docs + ", instanceTypes: ^[m7i.large]"}, {env, env + ", baseImage: {ssmParameter: /images/arm64/latest}"}},
		[]string{"contentTypes.docs.instanceTypes: m7i.large is x86_64, but the base image is arm64 (the other is environments.dev.baseImage.ssmParameter in line 4)"},
	},
	"image against the built-in instance type": {
		[]edit{{env, env + ", baseImage: {ssmParameter: ^/images/al2023-x86_64}"}},
		[]string{"environments.dev.baseImage.ssmParameter: m7g.large is arm64, but the base image is x86_64 (the other is a built-in default)"},
	},
	"two architectures for one image": {
		[]edit{{docs, "more: {processor: backup, instanceTypes: ^[m7i.large]}\n  " + docs}},
		[]string{"contentTypes.more.instanceTypes: m7g.large is arm64 and m7i.large is x86_64, but content types share the base image, and an image has one architecture (the other is a built-in default)"},
	},
	"x86 throughout": {[]edit{{env, env + ", defaults: {instanceTypes: [m7i.large]}"}}, nil},
}
