package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling"
	"github.com/aws/aws-sdk-go-v2/service/autoscaling/types"

	"github.com/worker-tier/worker-tier/worker/contract"
	"github.com/worker-tier/worker-tier/worker/internal/job"
	"github.com/worker-tier/worker-tier/worker/internal/sweep"
)

type typeCommand struct {
	Pause  pauseTypeCommand  `cmd:"" help:"Take no more jobs of a content type; those that run go on to their end."`
	Resume resumeTypeCommand `cmd:"" help:"Take jobs of a paused content type again."`
}

type (
	pauseTypeCommand  struct{ oneType }
	resumeTypeCommand struct{ oneType }
)

type oneType struct {
	target `embed:""`
	JSON   bool `help:"Print the result as JSON."`
}

// typeView is the result as it is printed for machines.
type typeView struct {
	ContentType string `json:"contentType"`
	Paused      bool   `json:"paused"`
	Group       string `json:"group,omitempty"` // whose alarms do nothing while the type is paused
}

// Help is shown by 'worker type pause --help'.
func (c *pauseTypeCommand) Help() string {
	return "Workers notice within a sweep interval. The group's alarms are suspended meanwhile (AlarmNotification): the backlog that grows would scale it to its maximum."
}

func (c *pauseTypeCommand) Run(ctx context.Context, e *env) error {
	p, group, err := c.find(ctx)
	if err != nil {
		return err
	}
	if group != "" { // first: the backlog must not grow while alarms act on it
		_, err := autoscaling.NewFromConfig(p.cfg).SuspendProcesses(ctx, &autoscaling.SuspendProcessesInput{AutoScalingGroupName: &group, ScalingProcesses: []string{alarmNotification}})
		if err != nil {
			return fmt.Errorf("suspend the alarms of group %s: %w", group, err)
		}
	}
	if err := p.steerType(ctx, sweep.PauseType); err != nil {
		return err
	}
	return c.print(e, true, group)
}

func (c *resumeTypeCommand) Run(ctx context.Context, e *env) error {
	p, group, err := c.find(ctx)
	if err != nil {
		return err
	}
	if err := p.steerType(ctx, sweep.ResumeType); err != nil {
		return err
	}
	if group != "" {
		_, err := autoscaling.NewFromConfig(p.cfg).ResumeProcesses(ctx, &autoscaling.ResumeProcessesInput{AutoScalingGroupName: &group, ScalingProcesses: []string{alarmNotification}})
		if err != nil {
			return fmt.Errorf("jobs are taken again, but the alarms of group %s are still suspended: %w", group, err)
		}
	}
	return c.print(e, false, group)
}

// steerType writes what build makes of the control item as it is.
func (p *typeHandles) steerType(ctx context.Context, build func(contentType string, control job.Item) job.Write) error {
	control, err := p.store.Get(ctx, sweep.ControlKey(p.contentType))
	if err != nil {
		return err
	}
	w := build(p.contentType, control)
	_, err = p.store.Write(ctx, w)
	if refused, ok := errors.AsType[*job.RefusedError](err); ok {
		if w.Left(refused.Current) {
			return nil
		}
		return fmt.Errorf("%s: nothing was changed, because somebody else paused or resumed %s at the same time: look with 'worker jobs stats --type %s', then repeat the command", w.Op, p.contentType, p.contentType)
	}
	return answered(err, "worker jobs stats --type "+p.contentType)
}

// alarmNotification is the process by which alarms scale a group.
// https://docs.aws.amazon.com/autoscaling/ec2/userguide/as-suspend-resume-processes.html
const alarmNotification = "AlarmNotification"

// find opens the content type and looks for its group; "": it has none.
func (t oneType) find(ctx context.Context) (*typeHandles, string, error) {
	p, err := t.open(ctx)
	if err != nil {
		return nil, "", err
	}
	wanted := map[string]string{
		contract.TagEnvironment: contract.MetricEnvironment(t.Tier, t.Environment),
		contract.TagContentType: t.Type,
	}
	in := &autoscaling.DescribeAutoScalingGroupsInput{}
	for key, value := range wanted {
		in.Filters = append(in.Filters, types.Filter{Name: aws.String("tag:" + key), Values: []string{value}})
	}
	pages := autoscaling.NewDescribeAutoScalingGroupsPaginator(autoscaling.NewFromConfig(p.cfg), in)
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, "", fmt.Errorf("look for the group of %s: %w", t.Type, err)
		}
		for _, g := range page.AutoScalingGroups {
			found := 0
			for _, tag := range g.Tags {
				if wanted[aws.ToString(tag.Key)] == aws.ToString(tag.Value) {
					found++
				}
			}
			if found == len(wanted) {
				return p, aws.ToString(g.AutoScalingGroupName), nil
			}
		}
	}
	return p, "", nil
}

func (t oneType) print(e *env, paused bool, group string) error {
	if t.JSON {
		return e.out.JSON(typeView{t.Type, paused, group})
	}
	done, alarms := "resumed", "act again"
	if paused {
		done, alarms = "paused", "are suspended"
	}
	if group == "" {
		return e.out.Line("%s %s; it has no Auto Scaling group here", t.Type, done)
	}
	return e.out.Line("%s %s; the alarms of group %s %s", t.Type, done, group, alarms)
}
