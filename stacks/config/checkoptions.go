package config

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/worker-tier/worker-tier/bootstrap/bundle"
	"github.com/worker-tier/worker-tier/internal/schema"
	"github.com/worker-tier/worker-tier/tierspec"
	"github.com/worker-tier/worker-tier/worker/contract"
)

// describeWithin bounds the build of the worker, of which nothing may be cached, and its answer.
const describeWithin = 10 * time.Minute

// optioned is a content type with options of its own, or with those of an environment.
type optioned struct {
	contentType *member[contentType]
	options     document
}

// checkOptions holds the options of content types to the schemas of their processors, which the worker describes. That builds
// the worker, and is left out for a file without options.
func (c checker) checkOptions() {
	all := c.optioned()
	if len(all) == 0 || c.describe == nil || c.broken("worker") {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), describeWithin)
	defer cancel()
	described, err := c.describe(ctx, c.dir, c.resolveWorker())
	switch {
	case errors.Is(err, bundle.ErrOtherMachine):
		c.warn(c.workerAt(), "options are checked when instances boot: %s", oneLine(err))
		return
	case err != nil:
		c.fail(c.workerAt(), "options cannot be checked: %s", oneLine(err))
		return
	}
	for _, o := range all {
		c.checkOptionsOf(o, described)
	}
}

// optioned are all content types with options. The options of an environment replace those of the content type.
func (c checker) optioned() []optioned {
	var all []optioned
	for i := range c.file.ContentTypes.members {
		m := &c.file.ContentTypes.members[i]
		if m.value.Options.set {
			all = append(all, optioned{m, m.value.Options})
		}
		for _, env := range c.file.Environments.members {
			if over := env.value.ContentTypes.find(m.key.value); over != nil && over.value.Options.set {
				all = append(all, optioned{m, over.value.Options})
			}
		}
	}
	return all
}

func (c checker) checkOptionsOf(o optioned, described contract.Description) {
	name := o.contentType.value.Processor
	if o.options.bad || !name.usable() || !slices.Contains(c.processors(), name.value) {
		return
	}
	var known []string
	for _, p := range described.Processors {
		known = append(known, p.Name)
		if p.Name == name.value {
			c.holdTo(p, o.options)
			return
		}
	}
	c.fail(name.at, "the worker has no processor %s%s", quote(name.value), note("it has "+strings.Join(known, ", "), meant(name.value, known)))
}

// holdTo reports what breaks the schema of a processor's options.
func (c checker) holdTo(p contract.ProcessorDescription, options document) {
	if p.Options == nil {
		c.fail(options.places[""].key, "processor %s has no options (leave them out)", p.Name)
		return
	}
	of, err := schema.Parse(p.Options)
	if err != nil {
		c.fail(c.workerAt(), "options of processor %s cannot be checked: %s", p.Name, oneLine(err))
		return
	}
	for _, m := range of.Check(options.json()) {
		at := options.placeOf(m.Path, m.Key)
		if m.Key {
			keys := of.Keys(m.Path[:len(m.Path)-1])
			c.fail(at, "%s%s", m.Text, note("allowed: "+strings.Join(keys, ", "), meant(m.Path[len(m.Path)-1], keys)))
			continue
		}
		c.fail(at, "%s", m.Text)
	}
}

// resolveWorker is where the worker comes from.
func (c checker) resolveWorker() tierspec.Worker {
	w := tierspec.Worker{Package: c.file.Worker.Package.value, File: c.file.Worker.File.value, SHA256: c.file.Worker.SHA256.value}
	if w == (tierspec.Worker{}) {
		w.Package = builtin[worker]().Package.value
	}
	return w
}

// workerAt is the place of what the worker comes from.
func (c checker) workerAt() position {
	switch w := c.file.Worker; {
	case w.File.set:
		return w.File.at
	case w.Package.set:
		return w.Package.at
	}
	return position{path: "worker.package"}
}

// oneLine is the text of an error without line ends, such as those of a compiler.
func oneLine(err error) string { return strings.Join(strings.Fields(err.Error()), " ") }
