package main

import (
	"fmt"
	"slices"
	"strings"
	"time"

	ibtypes "github.com/aws/aws-sdk-go-v2/service/imagebuilder/types"

	"github.com/worker-tier/worker-tier/bootstrap/image"
	"github.com/worker-tier/worker-tier/internal/operator"
)

// lines say to people what a pipeline has built, and what to do with it.
func (p *pipeline) lines(s *session, now time.Time) []string {
	env := s.tier.Environment
	text := []string{p.Name + " in " + p.Region + ", " + string(env.ImageBuilder.Architecture) + ", version " + p.Defined}
	if p.Deployed != p.Defined {
		text = append(text, "deployed is version "+p.Deployed+": npx cdk deploy -c env="+env.Name+" --exclusively "+p.Name+" before the next build")
	}
	if table := p.table(now); len(table) > 0 {
		text = append(append(text, ""), table...)
	}
	i := slices.IndexFunc(p.Images, build.tested)
	if i < 0 {
		return append(text, "", "no image passed its tests yet: tier image -e "+env.Name+" --build starts a build")
	}
	newest := p.Images[i]
	if strings.HasPrefix(newest.Version, p.Defined+"/") {
		text = append(text, "", newest.AMI+" holds "+holds(s))
	} else {
		text = append(text, "", newest.AMI+" was built from another definition than that of "+s.file)
	}
	if newest.AMI == p.Pinned {
		return append(text, "environment "+env.Name+" uses it")
	}
	return append(text, "to use it, put this into environment "+env.Name+" of "+s.file+"; npx cdk diff -c env="+env.Name+" then shows what rolls:",
		"    baseImage: {amiId: "+newest.AMI+"}")
}

// table has the newest image that passed, the one that is used, what is being built, and the newest failure if nothing passed
// since.
func (p *pipeline) table(now time.Time) []string {
	var rows [][]string
	row := func(what string, b build, more string) {
		rows = append(rows, []string{what, b.Version, b.Started.UTC().Format(time.DateOnly), age(now.Sub(b.Started)), more})
	}
	passed, failed, pinned := false, false, p.Pinned == ""
	for _, b := range p.Images {
		switch {
		case b.running():
			row("being built", b, strings.ToLower(b.Status))
		case b.tested() && !passed:
			passed = true
			row("newest", b, b.AMI+" "+b.OS)
		case b.Status == string(ibtypes.ImageStatusFailed) && !passed && !failed:
			failed = true
			row("failed", b, b.Reason+" (log group /aws/imagebuilder/"+p.Name+", stream "+b.Version+")")
		}
		if b.AMI != "" && b.AMI == p.Pinned {
			pinned = true
			row("in use", b, b.AMI+" "+b.OS)
		}
	}
	lines := operator.Columns(rows)
	if !pinned {
		lines = append(lines, "in use is "+p.Pinned+", which this pipeline did not build")
	}
	return lines
}

// age is how long ago something was, as people say it.
func age(d time.Duration) string {
	switch hours := int(d.Hours()); {
	case hours < 2:
		return fmt.Sprintf("%d min old", int(d.Minutes()))
	case hours < 48:
		return fmt.Sprintf("%d h old", hours)
	default:
		return fmt.Sprintf("%d days old", hours/24)
	}
}

// holds is what an image of the configuration's definition was found to hold.
func holds(s *session) string {
	var names []string
	for _, c := range image.Contents().Contents {
		names = append(names, c.What)
	}
	return strings.Join(append(names, s.tier.Chef.Client()+" "+s.tier.Chef.Version), ", ")
}
