package stacks

import (
	"regexp"
	"strings"
	"testing"

	"github.com/worker-tier/worker-tier/bootstrap/userdata"
	"github.com/worker-tier/worker-tier/test/synthtest"
)

// joined is the value of an Fn::Join, with value for each reference in it.
func joined(t *testing.T, node any, value func(reference map[string]any) string) string {
	t.Helper()
	reference, _ := node.(map[string]any)
	if text, plain := node.(string); plain {
		return text
	}
	join, isJoin := reference["Fn::Join"].([]any)
	if !isJoin {
		return value(reference)
	}
	var parts []string
	for _, part := range join[1].([]any) {
		parts = append(parts, joined(t, part, value))
	}
	return strings.Join(parts, join[0].(string))
}

// scripts are the user-data of all pools of an environment, by stack, with value for each reference.
func scripts(t *testing.T, file, environment string, value func(template synthtest.Template, reference map[string]any) string) map[string]string {
	t.Helper()
	all := map[string]string{}
	for stack, text := range templates(t, synthesize(t, load(t, file, environment), standIn)) {
		template := synthtest.Parse(t, []byte(text))
		for _, r := range template.Of("AWS::EC2::LaunchTemplate") {
			all[stack] = joined(t, r.At("LaunchTemplateData", "UserData", "Fn::Base64"), func(reference map[string]any) string { return value(template, reference) })
		}
	}
	return all
}

// A file is accepted by what its user-data may become, so no name in a template may be longer than was reckoned with.
func TestDeployedUserDataIsNoLongerThanReckoned(t *testing.T) {
	for _, c := range goldens {
		tier := load(t, c.file, c.environment)
		got := scripts(t, c.file, c.environment, func(template synthtest.Template, reference map[string]any) string {
			id, _ := reference["Ref"].(string)
			if template[id].Type == "AWS::SQS::Queue" {
				return "https://sqs." + tier.Environment.Region + ".amazonaws.com.cn/111122223333/" + strings.Repeat("q", 80)
			}
			if strings.HasPrefix(id, "SsmParameterValue") { // names of the shared stack, of the table as a rule
				id = "JobsTable10C8EDF6"
			}
			return prefix(tier) + "-shared-" + id + "-AbCdEfGhIjKlM"
		})
		for _, contentType := range tier.ContentTypes {
			longest := userdata.Pool{
				Tier: tier.Name, Environment: tier.Environment.Name, Region: tier.Environment.Region, ContentType: contentType, Chef: tier.Chef,
			}.Longest()
			script := got[prefix(tier)+"-"+contentType.Name]
			if len(script) > longest || script == "" {
				t.Errorf("%s %s: %d bytes, reckoned were %d", c.environment, contentType.Name, len(script), longest)
			}
			if longest > 6<<10 {
				t.Errorf("%s %s: %d bytes, which leaves less than 10 KiB to a type of one's own", c.environment, contentType.Name, longest)
			}
		}
	}
}

// cdk diff compares the elements of a list: where each line is one, it shows the lines that differ and no others.
func TestEachSettingIsALineOfTheTemplate(t *testing.T) {
	lines := func(processes int) []any {
		tier := *load(t, testConfig, "prod")
		tier.ContentTypes = tier.ContentTypes[:1]
		tier.ContentTypes[0].ProcessesPerInstance = processes
		template := synthtest.Parse(t, []byte(templates(t, synthesize(t, &tier, standIn))[prefix(&tier)+"-"+tier.ContentTypes[0].Name]))
		join := template.One(t, "AWS::EC2::LaunchTemplate").At("LaunchTemplateData", "UserData", "Fn::Base64", "Fn::Join").([]any)
		if join[0] != "\n" {
			t.Fatalf("joined by %q", join[0])
		}
		return join[1].([]any)
	}
	before, after := lines(3), lines(5)
	if len(before) != len(after) {
		t.Fatalf("%d lines became %d", len(before), len(after))
	}
	var changed []string
	for i := range before {
		if was, text := before[i].(string); text && strings.Contains(was, "\n") {
			t.Errorf("several lines are one element: %q", was)
		}
		if was, now := before[i], after[i]; joined(t, was, func(map[string]any) string { return "" }) != joined(t, now, func(map[string]any) string { return "" }) {
			changed = append(changed, was.(string), now.(string))
		}
	}
	digest := regexp.MustCompile(`LaunchTemplate=[0-9a-f]{8}`) // says that instances are replaced, whatever changed
	got := digest.ReplaceAllString(strings.Join(changed, "\n"), "LaunchTemplate")
	if want := strings.Join([]string{`"WORKER_PROCESSES":"3",`, `"WORKER_PROCESSES":"5",`, "for of in '' ,LaunchTemplate; do", "for of in '' ,LaunchTemplate; do"}, "\n"); got != want {
		t.Errorf("changed lines:\n%s\nwant:\n%s", got, want)
	}
}
