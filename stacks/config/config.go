// Package config reads worker-tier.yaml: strict, every error at once and with its position, relations
// between values checked, defaults and the chosen environment's overrides applied.
//
//	tier, warnings, err := config.Load("worker-tier.yaml", "prod")
//
// [Load] makes a [tierspec.Tier]. It touches no construct. It starts no other process, unless a content type has
// options: these are held to the schemas that the worker describes. [LoadFile] is for programs that deploy nothing. The error of both, of type [Problems], prints one line per mistake, sorted by
// position; warnings have the same form:
//
//	worker-tier.yaml:31:7: contentTypes.mail.procesor: unknown key (allowed: processor, …; did you mean processor?)
//
// # Layers
//
// The settings of a content type's pool (instance types, capacity, scaling, job timing) come from five
// layers, the later winning key by key: the built-in defaults, defaults, environments.<env>.defaults, the
// content type itself, and environments.<env>.contentTypes.<type>. So do the tags: tags, environments.<env>.tags
// and the content type's. Lists, baseImage and network are replaced as a whole, but for
// policyStatements: those of both defaults apply beside the content type's. A relation that does
// not hold is reported at the value of the later layer and names the place of the other. All
// environments are checked, whichever is chosen.
//
// # Own processors
//
// The processors of the release's worker are known ([contract.Processors]). A company whose own worker
// binary has more builds it from worker.package or names it as worker.file, and lists the names of its
// processors in worker.processors; a content type may then use them.
//
// # Schema
//
// The types in file.go and settings.go are the one description of the file: the reader, the messages, the
// built-in defaults and worker-tier.schema.json (go test ./stacks/config -update) are derived from their
// tags and comments. [tierspec.NewContentType] has the defaults of a content type for those without a file; a test
// holds the two together.
//
// [contract.Processors]: https://pkg.go.dev/github.com/worker-tier/worker-tier/worker/contract#Processors
package config
