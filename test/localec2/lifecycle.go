package localec2

import (
	"context"
	"log/slog"
	"net/url"
	"time"

	"github.com/worker-tier/worker-tier/test/localec2/awsproxy"
)

// welcome lets a new instance count for its group as EC2 Auto Scaling does: once its launch hook is
// completed. One that is abandoned, or of which nothing is heard, is taken away and so replaced.
func (l *Launcher) welcome(ctx context.Context, i *Instance, log *slog.Logger) {
	h, err := l.hookAt(ctx, i.Group, launching)
	if err != nil {
		log.WarnContext(ctx, "launch hook not known", "error", err.Error()) // a deleted group has none
	}
	if h.name == "" || i.awaitHook(ctx, h) {
		l.mu.Lock()
		i.serving = true
		l.mu.Unlock()
		log.InfoContext(ctx, "instance in service")
		return
	}
	if ctx.Err() == nil && l.leave(i) {
		log.WarnContext(ctx, "instance abandoned: its launch hook was not completed")
		i.Machine.PowerCut()
	}
}

// terminate takes an instance out of its group as EC2 Auto Scaling does: tell it, wait for the
// termination hook, shut the machine down.
func (l *Launcher) terminate(ctx context.Context, i *Instance, log *slog.Logger) {
	i.Metadata.SetTargetState("Terminated")
	h, err := l.hookAt(ctx, i.Group, terminating)
	if err != nil {
		log.WarnContext(ctx, "termination hook not known", "error", err.Error()) // a deleted group has none
	}
	if h.name != "" {
		i.awaitHook(ctx, h)
	}
	i.Machine.Shutdown()
	select {
	case <-i.Machine.Done():
	case <-ctx.Done():
	case <-time.After(shutdownTime):
		log.WarnContext(ctx, "worker did not end, power cut")
		i.Machine.PowerCut()
	}
}

// awaitHook waits until the instance completes the hook's action, or nothing is heard for as long as the
// hook allows. It is true if the group may go on, false for an instance to abandon.
func (i *Instance) awaitHook(ctx context.Context, h hook) bool {
	begun := time.Now()
	for {
		select {
		case <-i.Machine.Done():
			return false
		case <-ctx.Done():
			return false
		case <-time.After(poll):
		}
		if calls := i.hookCalls("CompleteLifecycleAction", h.name); len(calls) > 0 {
			return form(calls[0]).Get("LifecycleActionResult") != "ABANDON"
		}
		last := begun
		if heartbeats := i.hookCalls("RecordLifecycleActionHeartbeat", h.name); len(heartbeats) > 0 {
			last = heartbeats[len(heartbeats)-1].At
		}
		if time.Since(last) > h.timeout {
			return !h.abandon
		}
	}
}

// askedToGo reports whether the instance has asked its group to replace it, or called itself unhealthy; nothing
// calls itself healthy again.
func (i *Instance) askedToGo() bool {
	return len(i.hookCalls("TerminateInstanceInAutoScalingGroup", "")) > 0 || len(i.hookCalls("SetInstanceHealth", "")) > 0
}

// hookCalls are the instance's accepted calls of an operation of EC2 Auto Scaling that name a hook, or none.
func (i *Instance) hookCalls(operation, hook string) []awsproxy.Request {
	return i.AWS.Requests(func(r awsproxy.Request) bool {
		if r.Operation != operation || r.Status != 200 {
			return false
		}
		values := form(r)
		return values.Get("InstanceId") == i.ID && values.Get("LifecycleHookName") == hook
	})
}

// form are the parameters of a request to EC2 Auto Scaling.
func form(r awsproxy.Request) url.Values {
	values, _ := url.ParseQuery(string(r.Body)) // what cannot be read names no instance
	return values
}
