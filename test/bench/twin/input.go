// Package twin runs the worker tier written in plain JavaScript CDK: the resources that package stacks
// defines, to compare templates and times with.
package twin

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/worker-tier/worker-tier/bootstrap/bundle"
	"github.com/worker-tier/worker-tier/bootstrap/userdata"
	"github.com/worker-tier/worker-tier/constructs/dashboard"
	"github.com/worker-tier/worker-tier/constructs/scaling"
	"github.com/worker-tier/worker-tier/stacks"
	"github.com/worker-tier/worker-tier/tierspec"
	"github.com/worker-tier/worker-tier/worker/contract"
)

// InputVariable names the file with the twin's [input], for the program app.js.
const InputVariable = "TWIN_INPUT"

// input is what the twin is given: the resolved configuration and what follows from it without the CDK.
type input struct {
	Tier       *tierspec.Tier    `json:"tier"`
	Parameters map[string]string `json:"parameters"` // paths of the shared stack's SSM parameters
	Types      []contentType     `json:"types"`
}

type contentType struct {
	Config         tierspec.ContentType `json:"config"`
	Bundle         string               `json:"bundle"` // .zip
	Files          string               `json:"files"`  // .zip, "" if the content type has none
	LaunchTemplate string               `json:"launchTemplate"`
	Script         string               `json:"script"`        // user-data; @name@ stands where the CDK knows the value
	LaunchSeconds  float64              `json:"launchSeconds"` // of the launch hook
	HookSeconds    float64              `json:"hookSeconds"`   // of the termination hook
	QueueParameter string               `json:"queueParameter"`
	ScaleOut       alarm                `json:"scaleOut"`
	ScaleIn        alarm                `json:"scaleIn"`
	Operating      map[string]alarm     `json:"operating"`
	Dashboard      string               `json:"dashboard"` // body; @name@ as in Script
}

// alarm is an alarm with what its methods say.
type alarm struct {
	scaling.Alarm
	Expressions []string `json:"expressions"` // of its formulas
	Missing     string   `json:"missing"`     // TreatMissingData
}

// WriteInput writes the file for a tier. The twin knows one network mode and one way to name an image,
// those of the environment for a local AWS.
func WriteInput(path string, tier *tierspec.Tier, bundles stacks.Bundles) error {
	env := tier.Environment
	if env.Network.Mode != tierspec.Public || env.BaseImage.AMI == "" || len(env.AvailabilityZones) == 0 {
		return fmt.Errorf("the twin needs an environment with network mode public, a pinned AMI and pinned zones; %s is not one", env.Name)
	}
	shared := "/" + tier.Name + "/" + env.Name + "/shared/"
	in := input{Tier: tier, Parameters: map[string]string{
		"table":      contract.TableParameter(tier.Name, env.Name),
		"artifacts":  contract.ArtifactsBucketParameter(tier.Name, env.Name),
		"alarmTopic": shared + "alarm-topic",
		"vpc":        shared + "vpc",
		"subnets":    shared + "subnets",
	}}
	for _, t := range tier.ContentTypes {
		made, err := newContentType(tier, t, bundles[t.Architecture].Archive)
		if err != nil {
			return err
		}
		in.Types = append(in.Types, made)
	}
	text, err := json.Marshal(in)
	if err != nil {
		return fmt.Errorf("write the twin's input: %w", err)
	}
	return os.WriteFile(path, text, 0o644)
}

func newContentType(tier *tierspec.Tier, t tierspec.ContentType, code bundle.Archive) (contentType, error) {
	params := scaling.Params{
		Processes:     t.ProcessesPerInstance,
		TargetLatency: t.ScaleOut.TargetLatency,
		MeanJobTime:   t.ScaleOut.MeanJobTime,
		CPUBelow:      t.ScaleIn.CPUBelow,
		CPUFor:        t.ScaleIn.For,
		RemovePercent: t.ScaleIn.RemovePercent,
		MinCapacity:   t.LowestMin(),
		MaxCapacity:   t.HighestMax(),
	}
	var files bundle.Archive
	if t.Files != "" {
		var err error
		if files, err = bundle.Pack(filepath.Join(tier.Dir, t.Files), filepath.Join(tier.Dir, ".build", "archives")); err != nil {
			return contentType{}, err
		}
	}
	pool := poolOf(tier, t, code.SHA256, files.SHA256)
	return contentType{
		Config:         t,
		Bundle:         code.Path,
		Files:          files.Path,
		LaunchTemplate: pool.LaunchTemplate,
		Script:         userdata.Render(pool.Props()),
		LaunchSeconds:  t.Boot.LaunchHookTimeout().Seconds(),
		HookSeconds:    t.TerminationHookTimeout().Seconds(),
		QueueParameter: contract.QueueURLParameter(tier.Name, tier.Environment.Name, t.Name),
		ScaleOut:       newAlarm(scaling.ScaleOut(params)),
		ScaleIn:        newAlarm(scaling.ScaleIn(params)),
		Operating: map[string]alarm{
			"Silent": newAlarm(scaling.Silent()), "Late": newAlarm(scaling.Late(params)), "AtMax": newAlarm(scaling.AtMax()), "Zombies": newAlarm(scaling.Zombies()),
			"Sick": newAlarm(scaling.Sick()), "Careful": newAlarm(scaling.Careful()),
		},
		Dashboard: dashboard.PoolProps{
			Region: tier.Environment.Region, Tier: tier.Name, Environment: tier.Environment.Name, ContentType: t.Name,
			Queue: "@queue@", DeadLetterQueue: "@deadLetterQueue@", Group: "@group@",
			Scaling: params, MaxCapacity: t.MaxCapacity, TargetTracking: t.ScaleOut.TargetTracking,
			Alarms: []string{"@ScaleOut@", "@ScaleIn@", "@Late@", "@AtMax@", "@DeadLetters@", "@Zombies@", "@Sick@", "@Careful@", "@BootFailures@", "@Silent@"},
		}.Body(),
	}, nil
}

// poolOf is what a type's user-data is made of, with names where the CDK knows the values.
func poolOf(tier *tierspec.Tier, t tierspec.ContentType, code, files string) userdata.Pool {
	pool := userdata.Pool{
		Tier: tier.Name, Environment: tier.Environment.Name, Region: tier.Environment.Region, ContentType: t, Chef: tier.Chef,
		Names: userdata.Names{
			QueueURL: "@queueURL@", DeadLetterQueueURL: "@deadLetterQueueURL@", Table: "@table@", ArtifactsBucket: "@artifacts@", LogGroup: "@logGroup@",
			Bundle: contract.Object{Bucket: "@bundleBucket@", Key: "@bundleKey@", SHA256: code},
		},
	}
	if t.Files != "" {
		pool.Names.Files = &contract.Object{Bucket: "@filesBucket@", Key: "@filesKey@", SHA256: files}
	}
	pool.LaunchTemplate = pool.Digest(tier.Environment.BaseImage.AMI, tier.Environment.BaseImage.RootDevice, string(tier.Environment.Network.Mode))
	return pool
}

func newAlarm(a scaling.Alarm) alarm {
	out := alarm{Alarm: a, Expressions: []string{}, Missing: a.TreatMissingData()}
	for _, f := range a.Formulas {
		out.Expressions = append(out.Expressions, f.Expr.String())
	}
	return out
}
