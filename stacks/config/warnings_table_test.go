package config

// warnings are what the minimal file warns of after edits, but for the package of the Chef client that it lacks.
var warnings = map[string]mistake{
	"none with an image that may hold Chef": {[]edit{{env, env + ", baseImage: {amiId: ami-12345678}"}}, nil},
	"min 0": {
		[]edit{{docs, docs + ", capacity: {min: 0}"}},
		[]string{"6:45: contentTypes.docs.capacity.min: with min 0 the first message after six idle hours can wait up to 15 minutes, until SQS sends metrics again (min 1 avoids that)"},
	},
	"one instance type on Spot": {
		[]edit{{docs, docs + ", spot: {percent: 80}"}},
		[]string{"6:45: contentTypes.docs.spot.percent: Spot with the single instance type m7g.large: when it runs out, there are no instances (name several of one architecture)"},
	},
	"a secret in the environment, once": {
		[]edit{{docs, docs + ", environment: {IMAP_USER: tier, IMAP_PASSWORD: hunter2}"}},
		[]string{"6:75: contentTypes.docs.environment.IMAP_PASSWORD: looks like a secret: it would stand as plain text in the template and on instances (keep it in Secrets Manager and name it under secrets)"},
	},
	"a secret in a tag": {
		[]edit{{docs, docs + ", tags: {token: abc}"}},
		[]string{"6:43: contentTypes.docs.tags.token: looks like a secret: everybody who may list resources sees their tags (leave it out)"},
	},
	"a secret of one account": {
		[]edit{{env, env + ", contentTypes: {docs: {environment: {API_TOKEN: abc}}}"}},
		[]string{"4:118: environments.dev.contentTypes.docs.environment.API_TOKEN: looks like a secret: it would stand as plain text in the template and on instances (keep it in Secrets Manager and name it under secrets)"},
	},
	"all of IAM": {
		[]edit{{docs, docs + `, policyStatements: [{actions: ["iam:*"], resources: ["*"]}]`}},
		[]string{`6:59: contentTypes.docs.policyStatements[0].actions[0]: "iam:*" allows iam:PassRole on every resource: who runs a job could give himself other rights (name the actions and the resources that jobs need)`},
	},
	"all of IAM for everybody, once": {
		[]edit{{top, "defaults: {policyStatements: [{actions: [\"iam:*\"], resources: [\"*\"]}]}\n" + top}, {docs, "more: {processor: backup}\n  " + docs}},
		[]string{`3:42: defaults.policyStatements[0].actions[0]: "iam:*" allows iam:PassRole on every resource: who runs a job could give himself other rights (name the actions and the resources that jobs need)`},
	},
	"two instance types on Spot": {[]edit{{docs, docs + ", instanceTypes: [m7g.large, m6g.large], spot: {percent: 80}"}}, nil},
	"rebalance without Spot": {
		[]edit{{docs, docs + ", spot: {drainOnRebalance: true}"}},
		[]string{"6:54: contentTypes.docs.spot.drainOnRebalance: has no effect: only Spot instances get rebalance recommendations, and percent is 0 (leave it out, or raise spot.percent)"},
	},
	"rebalance from the defaults where one type has no Spot": {
		[]edit{{top, "defaults: {instanceTypes: [m7g.large, m6g.large], spot: {percent: 80, drainOnRebalance: true}}\n" + top}, {docs, docs + ", spot: {percent: 0}"}}, nil,
	},
	"drain longer than Spot's notice": {
		[]edit{{docs, docs + ", instanceTypes: [m7g.large, m6g.large], spot: {percent: 80}, job: {drainBudget: 91s}"}},
		[]string{"6:108: contentTypes.docs.job.drainBudget: 1m31s is more than Spot instances have: they get two minutes of notice (1m30s count there)"},
	},
	"on-demand base without Spot": {
		[]edit{{docs, docs + ", spot: {onDemandBase: 2}"}},
		[]string{"6:50: contentTypes.docs.spot.onDemandBase: has no effect without spot.percent (all instances are on-demand)"},
	},
	"scaleIn beside target tracking": {
		[]edit{{docs, docs + ", scaleOut: {method: targetTracking}, scaleIn: {for: 5m}"}},
		[]string{"6:80: contentTypes.docs.scaleIn.for: has no effect with scaleOut.method targetTracking (AWS scales the group in then)"},
	},
	"scaleIn of the defaults, target tracking of a type": {
		[]edit{{top, "defaults: {scaleIn: {for: 5m}}\n" + top}, {docs, docs + ", scaleOut: {method: targetTracking}"}}, nil,
	},
	"a night's max for the day too": {
		[]edit{{docs, docs + `, schedule: {day: {cron: "0 7 * * *", min: 4}, night: {cron: "0 19 * * *", min: 1, max: 10}}`}},
		[]string{"6:40: contentTypes.docs.schedule.day: leaves max at the 10 of night (give it a max of its own)"},
	},
	"min 0 at night": {
		[]edit{{docs, docs + `, schedule: {night: {cron: "0 19 * * *", min: 0}}`}},
		[]string{"6:73: contentTypes.docs.schedule.night.min: with min 0 the first message after six idle hours can wait up to 15 minutes, until SQS sends metrics again (min 1 avoids that)"},
	},
	"target out of reach, said once": {
		[]edit{{top, "defaults: {scaleOut: {targetLatency: 4m}}\n" + top}, {docs, "more: {processor: backup}\n  " + docs}},
		[]string{"3:38: defaults.scaleOut.targetLatency: 4m is out of reach of one-minute metrics and two-minute boots (5m or more)"},
	},
}
