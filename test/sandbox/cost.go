package main

import (
	"fmt"
	"math"
	"time"

	"github.com/worker-tier/worker-tier/tierspec"
)

// instanceType is what a run on AWS uses: the smallest that has the 2 GiB Chef is comfortable in, and no bursts
// that are billed on top.
const instanceType = "c7g.medium"

// Prices in US dollars in us-east-1 in 2026, of an hour or of a month of 730 hours; all are billed by the hour or finer.
const (
	hoursOfMonth = 730

	instanceHour   = 0.0363 // one c7g.medium; https://aws.amazon.com/ec2/pricing/on-demand/
	addressHour    = 0.005  // a public IPv4 address; https://aws.amazon.com/vpc/pricing/
	volumeMonth    = 0.08   // a GiB of gp3; https://aws.amazon.com/ebs/pricing/
	metricMonth    = 0.30   // https://aws.amazon.com/cloudwatch/pricing/ for this and the next two
	alarmMonth     = 0.10   // for each metric that an alarm reads
	dashboardMonth = 3.00
	requests       = 0.25 // of all services together: some ten thousand, and a few MB of logs and assets
)

// How much of it there is at most.
const (
	poolMetrics     = 13 // that the workers of a type publish (docs/runbook/README.md)
	instanceMetrics = 7  // of an instance with detailed monitoring
	alarmMetrics    = 30 // that all alarms of a type read
	overlap         = 2  // instances that terminate stand beside those that take their place
	otherRegions    = 2  // for Regions that are dearer than us-east-1
)

// worstCase is what a run costs at most in US dollars if all groups are at their maximum, and rolling, all the
// time, for as long as instances may live.
func worstCase(tier *tierspec.Tier, instances time.Duration) (float64, error) {
	running, month := 0.0, dashboardMonth // the tier's own dashboard
	for _, t := range tier.ContentTypes {
		if len(t.InstanceTypes) != 1 || t.InstanceTypes[0] != instanceType {
			return 0, fmt.Errorf("content type %s runs on %v: the price of %s alone is known here", t.Name, t.InstanceTypes, instanceType)
		}
		most := float64(t.MaxCapacity)
		most = overlap * (most + math.Ceil(most/10)) // an instance refresh has a tenth more
		running += most
		month += most*(float64(t.RootVolumeGiB)*volumeMonth+instanceMetrics*metricMonth) + poolMetrics*metricMonth + alarmMetrics*alarmMonth + dashboardMonth
	}
	hourly := running*(instanceHour+addressHour) + month/hoursOfMonth
	return otherRegions * (requests + hourly*instances.Hours()), nil
}
