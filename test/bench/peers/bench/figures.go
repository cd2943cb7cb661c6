package main

import (
	"fmt"
	"io"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/worker-tier/worker-tier/test/localaws"
	"github.com/worker-tier/worker-tier/tierspec"
)

// bench is what the parts share.
type bench struct {
	server   *localaws.Server
	aws      aws.Config
	dir      string // for what the runs write
	programs string // folder of the worker's and the peers' binaries
	defaults tierspec.ContentType
	out      io.Writer
	rounds   int     // begun so far: they are numbered
	missed   []error // aims that were missed
}

// aims are the most that a figure of the worker may be. They are counts, which do not depend on the machine.
var aims = map[string]float64{
	"sqs_requests_per_job_10_slots":             0.35,
	"write_units_per_short_job":                 5,
	"write_units_per_job_hour":                  200,
	"write_units_per_job_hour_with_checkpoints": 400,
}

// figure prints one, of a side.
func (b *bench) figure(s side, name string, value float64, unit string) {
	if s.name != "" {
		name = s.name + "_" + name
	}
	fmt.Fprintf(b.out, "bench: %s %.6g %s\n", name, value, unit)
	if most, ok := aims[name]; ok && value > most {
		b.missed = append(b.missed, fmt.Errorf("%s is %.6g, the aim is at most %g", name, value, most))
	}
}

// Prices in us-east-1 in USD, on demand: those of the table since November 2024, that of the instance in June 2026.
// https://aws.amazon.com/dynamodb/pricing/on-demand/ and https://aws.amazon.com/ec2/pricing/on-demand/
const (
	priceOfWriteUnit = 0.625e-6
	priceOfReadUnit  = 0.125e-6
	priceOfInstance  = 0.0816 // m7g.large, the default, an hour
)
