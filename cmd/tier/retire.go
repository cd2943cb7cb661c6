package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	cfntypes "github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
)

type retireCommand struct {
	Type      string        `arg:"" help:"Content type, for example mail. It may or may not still be in the configuration."`
	Yes       bool          `short:"y" help:"Do not ask."`
	Wait      time.Duration `default:"24h" help:"How long unfinished jobs are waited for."`
	Abandon   bool          `help:"Do not wait for unfinished jobs. They stay in the job table, and go on if the type is added again."`
	Unprotect bool          `help:"Lift the stack's termination protection, which environments that are not disposable have."`
	Undo      bool          `help:"Accept jobs again, of a type whose intake was stopped and whose stack is still there."`
}

// outcome is what a retirement came to.
type outcome struct {
	Stack       string   `json:"stack"`
	ContentType string   `json:"contentType"`
	Status      string   `json:"status"` // "retired" or "open"
	Left        work     `json:"left"`
	Retained    []string `json:"retained"` // physical names of what the stack has left behind
	Configured  bool     `json:"configured"`
}

// Run takes a content type out of service. Each step can be repeated, so that the same command goes on after
// an interruption; until the last one --undo takes all of it back.
func (c *retireCommand) Run(ctx context.Context, s *session) error {
	d, err := s.find(ctx, c.Type)
	if err != nil {
		return err
	}
	name := aws.ToString(d.stack.StackName)
	if c.Undo {
		return c.undo(ctx, s, d)
	}
	protected := aws.ToBool(d.stack.EnableTerminationProtection)
	if protected && !c.Unprotect {
		return fmt.Errorf("stack %s is protected against termination; say --unprotect to lift that; nothing was changed", name)
	}
	left, err := s.work(ctx, d)
	if err != nil {
		return err
	}
	s.say("%s: %s", name, left)
	if !c.Yes {
		question := fmt.Sprintf("The intake of %s stops, what is unfinished is waited for, and stack %s is destroyed.", c.Type, name)
		if c.Abandon {
			question = fmt.Sprintf("The intake of %s stops and stack %s is destroyed, whatever is unfinished.", c.Type, name)
		}
		if err := s.asks.Type(question, c.Type); err != nil {
			return err
		}
	}
	if d.queue != "" {
		if err := s.stopIntake(ctx, d.queue, d.roles); err != nil {
			return err
		}
		s.say("%s accepts no more jobs; tier retire --undo %s opens it again", c.Type, c.Type)
	}
	if !c.Abandon {
		if left, err = s.waitForWork(ctx, d, c.Wait); err != nil {
			return err
		}
	}
	retained, err := s.destroy(ctx, d, protected)
	if err != nil {
		return err
	}
	return c.report(s, outcome{name, c.Type, "retired", left, retained, named(s.tier, c.Type)})
}

func (c *retireCommand) undo(ctx context.Context, s *session, d *deployment) error {
	name := aws.ToString(d.stack.StackName)
	if d.queue == "" {
		return fmt.Errorf("stack %s has no queue to open", name)
	}
	if err := s.openIntake(ctx, d.queue); err != nil {
		return err
	}
	left, err := s.work(ctx, d)
	if err != nil {
		return err
	}
	return s.result(outcome{name, c.Type, "open", left, []string{}, named(s.tier, c.Type)}, c.Type+" accepts jobs again")
}

func (c *retireCommand) report(s *session, o outcome) error {
	lines := []string{o.ContentType + " is retired: stack " + o.Stack + " is destroyed"}
	if len(o.Retained) > 0 {
		lines = append(lines, "kept, and still billed: "+strings.Join(o.Retained, " "))
	}
	if o.Left.unfinished() > 0 || o.Left.Dead > 0 {
		lines = append(lines, "left: "+o.Left.String()+"; jobs stay in the job table, and go on if the type is added again")
	}
	if o.Configured {
		lines = append(lines, o.ContentType+" is still in "+s.file+": remove its entry, or the next deploy makes it again")
	}
	return s.result(o, lines...)
}

// waitForWork waits until nothing is unfinished, and the queue has looked empty for long enough to be.
func (s *session) waitForWork(ctx context.Context, d *deployment, most time.Duration) (work, error) {
	begin, said := time.Now(), work{Messages: -1}
	var emptySince time.Time
	for {
		left, err := s.work(ctx, d)
		if err != nil {
			return left, err
		}
		switch {
		case left.unfinished() > 0:
			emptySince = time.Time{}
		case emptySince.IsZero():
			emptySince = time.Now()
		}
		if left.unfinished() == 0 && (d.queue == "" || time.Since(emptySince) >= s.settle) {
			return left, nil
		}
		if left != said {
			s.say("waiting: %s", left)
			said = left
		}
		if time.Since(begin) >= most {
			return left, fmt.Errorf("after %s there are still %s: look at them with worker jobs list and cancel or resume them, wait longer with --wait, or say --abandon; %s accepts no jobs until tier retire --undo %s",
				most, left, d.contentType, d.contentType)
		}
		if err := s.wait(ctx); err != nil {
			return left, err
		}
	}
}

// gone reports whether a stack's deletion is over and went well.
func gone(stack *cfntypes.Stack) bool {
	return stack == nil || stack.StackStatus == cfntypes.StackStatusDeleteComplete
}
