package config

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/worker-tier/worker-tier/tierspec"
	"github.com/worker-tier/worker-tier/worker/contract"
)

// resolve turns a file without problems into the tier of one environment.
func (c checker) resolve(m *member[environment]) *tierspec.Tier {
	tier := &tierspec.Tier{
		Name:        c.file.Name.value,
		Dir:         c.dir,
		Docs:        cmp.Or(c.file.Docs.value, tierspec.Docs()),
		Environment: c.resolveEnvironment(m),
		Chef: tierspec.Chef{
			Distribution:  c.file.Chef.Distribution.value,
			Version:       c.file.Chef.Version.value,
			AcceptLicense: c.file.Chef.AcceptLicense.value,
		},
		Worker: c.resolveWorker(),
	}
	if p := c.file.Chef.Package; p.set {
		tier.Chef.Package = &tierspec.ChefPackage{URL: p.URL.value, SHA256: p.SHA256.value}
	}
	if s := c.file.Chef.Server; s.set {
		tier.Chef.Server = &tierspec.ChefServer{URL: s.URL.value, Organization: s.Organization.value, ValidatorSecret: s.ValidatorSecret.value}
	}
	for _, t := range c.file.ContentTypes.members {
		tier.ContentTypes = append(tier.ContentTypes, resolveContentType(t, c.accessOf(m.value, t), c.settingsOf(m.value, t)))
	}
	slices.SortFunc(tier.ContentTypes, func(a, b tierspec.ContentType) int { return strings.Compare(a.Name, b.Name) })
	architecture := tierspec.ArchitectureOf(c.settings.InstanceTypes.items[0].value)
	if len(tier.ContentTypes) > 0 {
		architecture = tier.ContentTypes[0].Architecture
	}
	if tier.Environment.BaseImage == (tierspec.BaseImage{}) {
		tier.Environment.BaseImage = amazonImage(architecture)
	}
	tier.Environment.BaseImage.RootDevice = cmp.Or(c.imageOf(m).RootDevice.value, builtin[baseImage]().RootDevice.value)
	if b := m.value.ImageBuilder; b.set {
		tier.Environment.ImageBuilder = &tierspec.ImageBuilder{Architecture: architecture, Schedule: b.Schedule.value, Keep: b.Keep.value}
	}
	return tier
}

func (c checker) resolveEnvironment(m *member[environment]) tierspec.Environment {
	network, image := c.networkOf(m), c.imageOf(m)
	env := tierspec.Environment{
		Name:              m.key.value,
		Account:           m.value.Account.value,
		Region:            m.value.Region.value,
		AvailabilityZones: m.value.AvailabilityZones.texts(),
		Disposable:        m.value.Disposable.value,
		AlarmKey:          m.value.Alarms.KMSKey.value,
		Tags:              texts(joined(c.file.Tags, m.value.Tags)),
		Network:           tierspec.Network{Mode: tierspec.NetworkMode(network.Mode.value), VPC: network.VPC.value, SubnetIDs: texts(network.Subnets)},
		BaseImage:         tierspec.BaseImage{SSMParameter: image.SSMParameter.value, AMI: image.AMI.value},
	}
	if env.Network.Mode == tierspec.Existing {
		env.AvailabilityZones = slices.Sorted(maps.Keys(env.Network.SubnetIDs))
	}
	return env
}

func resolveContentType(m member[contentType], a access, s settings) tierspec.ContentType {
	t := m.value
	resolved := tierspec.ContentType{
		Name:      m.key.value,
		Processor: t.Processor.value,
		Command:   t.Command.texts(),
		Options:   a.Options.json(),
		Files:     t.Files.value,
		Variables: texts(a.Environment),
		Secrets:   a.Secrets.texts(),
		Reads:     t.Reads.texts(),
		Producers: a.Producers.texts(),
		Tags:      texts(a.Tags),
		Role:      t.Role.value,
		Cookbooks: t.Cookbooks.value,
		RunList:   t.RunList.texts(),

		InstanceTypes:        s.InstanceTypes.texts(),
		ProcessesPerInstance: s.ProcessesPerInstance.value,
		MemoryPerProcess:     s.MemoryPerProcess.value,
		RootVolumeGiB:        s.RootVolume.Size.value,
		QueueKey:             s.Queue.KMSKey.value,
		MinCapacity:          s.Capacity.Min.value,
		MaxCapacity:          s.Capacity.Max.value,
		ScaleOut:             s.ScaleOut.resolve(),
		ScaleIn:              tierspec.ScaleIn{CPUBelow: s.ScaleIn.CPUBelow.value, For: s.ScaleIn.For.value, RemovePercent: s.ScaleIn.RemovePercent.value},
		SpotPercent:          s.Spot.Percent.value,
		OnDemandBase:         s.Spot.OnDemandBase.value,
		WarmPool:             tierspec.WarmPool{Size: s.WarmPool.Size.value, Running: s.WarmPool.State.value == "running"},
		ProtectBusy:          s.ProtectBusy.value,
		DrainOnRebalance:     s.Spot.DrainOnRebalance.value,
		Hardening:            tierspec.Hardening{WritableCode: s.Hardening.WritableCode.value, Namespaces: s.Hardening.Namespaces.value, Devices: s.Hardening.Devices.value},
		Watch:                tierspec.Watch{Port: s.Watch.Port.value, Graphite: s.Watch.Graphite.value, EMF: s.Watch.EMF.value},
		Job:                  s.Job.resolve(),
		Retry:                contract.Retry{FailureLimit: s.Job.Failures.Limit.value, FirstPause: s.Job.Failures.FirstPause.value, LongestPause: s.Job.Failures.LongestPause.value},
		Boot:                 tierspec.Boot{Timeout: s.Boot.Timeout.value, KeepFailed: s.Boot.KeepFailed.value},
	}
	resolved.Architecture = tierspec.ArchitectureOf(resolved.InstanceTypes[0])
	if resolved.Role == "" {
		resolved.Role = contract.RoleName(resolved.Name)
	}
	for _, i := range s.Inbound.items {
		resolved.Inbound = append(resolved.Inbound, tierspec.Inbound{Port: i.Port.value, SecurityGroup: i.From.value})
	}
	for _, m := range s.Schedule.members {
		resolved.Schedule = append(resolved.Schedule, m.value.resolve(m.key.value))
	}
	slices.SortFunc(resolved.Schedule, func(a, b tierspec.Schedule) int { return strings.Compare(a.Name, b.Name) })
	for _, statement := range a.PolicyStatements.items {
		resolved.Policy = append(resolved.Policy, tierspec.PolicyStatement{Actions: statement.Actions.texts(), Resources: statement.Resources.texts()})
	}
	return resolved
}

func (s scaleOut) resolve() tierspec.ScaleOut {
	return tierspec.ScaleOut{
		TargetLatency:  s.TargetLatency.value,
		MeanJobTime:    s.MeanJobTime.value,
		TargetTracking: s.Method.value == targetTracking,
	}
}

func (j job) resolve() contract.Timing {
	return contract.Timing{
		Lease:       j.Lease.value,
		Heartbeat:   j.Heartbeat.value,
		Sweep:       j.Sweep.value,
		Checkpoint:  j.Checkpoint.value,
		DrainBudget: j.DrainBudget.value,
		Stall:       j.Stall.value,
	}
}

func (s schedule) resolve(name string) tierspec.Schedule {
	resolved := tierspec.Schedule{Name: name, Cron: s.Cron.value, TimeZone: s.TimeZone.value}
	if !s.TimeZone.set {
		resolved.TimeZone = builtin[schedule]().TimeZone.value
	}
	if s.Min.set {
		resolved.Min = new(s.Min.value)
	}
	if s.Max.set {
		resolved.Max = new(s.Max.value)
	}
	return resolved
}

// texts is a table of texts as a map, nil if it is empty.
func texts(t table[given[string]]) map[string]string {
	if len(t.members) == 0 {
		return nil
	}
	result := make(map[string]string, len(t.members))
	for _, m := range t.members {
		result[m.key.value] = m.value.value
	}
	return result
}
