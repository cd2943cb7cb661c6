package life

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"

	"github.com/worker-tier/worker-tier/test/localec2/awsproxy"
	"github.com/worker-tier/worker-tier/tierspec"
)

// elsewhere are the statements, by Sid, whose callers are not part of the project and do not run here.
var elsewhere = map[string]string{
	"SessionManager": "called by the SSM agent of the image",
	"Logs":           "called by the CloudWatch agent of the image",
}

// judge compares what the instances called with what their roles grant.
func (l *life) judge(ctx context.Context, say func(string, ...any)) error {
	var errs []error
	calls := 0
	used := map[string]bool{} // "<Sid> <action>"
	for _, caller := range l.callers() {
		for _, request := range caller.way.Requests(func(awsproxy.Request) bool { return true }) {
			made := callOf(request, caller.group)
			calls++
			if request.Status == http.StatusForbidden {
				errs = append(errs, fmt.Errorf("%s: %s on %v was denied: %s", caller.contentType, made.action, made.resources, request.Code))
			}
			for _, c := range append([]call{made}, l.implied(caller.contentType, made)...) {
				found := false
				for _, s := range caller.statements {
					if s.grants(c) {
						found, used[s.Sid+" "+c.action] = true, true
					}
				}
				if !found {
					errs = append(errs, fmt.Errorf("%s: no statement of the role is about %s on %v, and yet it was answered with status %d", caller.contentType, c.action, c.resources, request.Status))
				}
			}
		}
	}
	grants, unused := l.unused(used)
	for _, g := range unused {
		errs = append(errs, fmt.Errorf("granted, but never called: %s", g))
	}
	say("%d calls by the deployed roles, %d grants, %d of them never used", calls, grants, len(unused))
	for _, sid := range slices.Sorted(maps.Keys(elsewhere)) {
		say("not used here: %s (%s)", sid, elsewhere[sid])
	}
	denied, tried, err := l.outside(ctx)
	errs = append(errs, err)
	say("%d of %d calls outside the roles were denied", denied, tried)
	return errors.Join(errs...)
}

// implied are the calls that SQS makes in the name of who sends to a queue or receives from it, where a key encrypts it;
// the endpoint asks for them too.
func (l *life) implied(contentType string, c call) []call {
	i := slices.IndexFunc(l.tier.config.ContentTypes, func(t tierspec.ContentType) bool { return t.Name == contentType })
	key := l.tier.config.ContentTypes[i].QueueKey
	switch {
	case key == "":
		return nil
	case c.action == "sqs:SendMessage":
		return []call{{"kms:Decrypt", []string{key}}, {"kms:GenerateDataKey", []string{key}}}
	case c.action == "sqs:ReceiveMessage":
		return []call{{"kms:Decrypt", []string{key}}}
	}
	return nil
}

// caller is a role and the way to AWS on which it was used.
type caller struct {
	role
	group string // of the instance
	way   *awsproxy.Proxy
}

func (l *life) callers() []caller {
	var all []caller
	for _, i := range l.Launcher.All() {
		all = append(all, caller{l.roleOf(i), i.Group, i.AWS})
	}
	for _, r := range l.roles {
		if r.contentType == "backup" {
			all = append(all, caller{r, "", l.standIn})
		}
	}
	return all
}

// unused counts the grants and lists those that no call needed, over all roles: one type's worker writes its
// own artifacts, another's leaves it to its program.
func (l *life) unused(used map[string]bool) (grants int, unused []string) {
	seen := map[string]bool{}
	for _, r := range l.roles {
		for _, s := range r.statements {
			for _, action := range s.Action {
				name := s.Sid + " " + action
				if seen[name] || elsewhere[s.Sid] != "" {
					continue
				}
				seen[name] = true
				grants++
				if !used[name] {
					unused = append(unused, name)
				}
			}
		}
	}
	slices.Sort(unused)
	return grants, unused
}

// missing reports the statements that no role of this run has.
func (l *life) missing(sids map[string]bool) error {
	var errs []error
	for _, sid := range slices.Sorted(maps.Keys(sids)) {
		has := func(r role) bool {
			return slices.ContainsFunc(r.statements, func(s statement) bool { return s.Sid == sid })
		}
		if !slices.ContainsFunc(l.roles, has) {
			errs = append(errs, fmt.Errorf("some content types are granted %s, but none of tier.yaml: add what grants it, and a scene that uses it", sid))
		}
	}
	return errors.Join(errs...)
}
