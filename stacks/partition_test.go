package stacks

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/worker-tier/worker-tier/test/synthtest"
	"github.com/worker-tier/worker-tier/tierspec"
	"github.com/worker-tier/worker-tier/worker/contract"
)

// everywhere are names of services that are the same in all partitions: those that trust policies and policies of resources
// name, those of endpoint services, and what KMS calls SQS.
var everywhere = regexp.MustCompile(`"(cloudwatch|imagebuilder|sqs\.[a-z0-9-]+)\.amazonaws\.com"|"com\.amazonaws\.`)

var (
	anyARN     = regexp.MustCompile(`arn:(aws[a-z-]*):`)
	anyAddress = regexp.MustCompile(`[A-Za-z0-9.-]*amazonaws\.com(\.cn)?`)
)

// checkPartition wants no ARN and no address of another partition in templates and in what instances run.
func checkPartition(t *testing.T, region, assembly string) {
	t.Helper()
	own := tierspec.PartitionOf(region)
	for name, text := range inPlay(t, assembly) {
		text = everywhere.ReplaceAllString(text, "")
		for _, found := range anyARN.FindAllStringSubmatch(text, -1) {
			if found[1] != own.Name {
				t.Errorf("%s holds %s in %s", name, found[0], region)
			}
		}
		for _, found := range anyAddress.FindAllString(text, -1) {
			if !strings.HasSuffix(found, "."+own.Suffix) {
				t.Errorf("%s holds %s in %s", name, found, region)
			}
		}
	}
}

// inPlay are the templates of an assembly, and the scripts, cookbooks and roles that are the same in every environment.
func inPlay(t *testing.T, assembly string) map[string]string {
	t.Helper()
	texts := templates(t, assembly)
	for _, folder := range []string{"cookbooks", "image", "roles", "userdata"} {
		root := filepath.Join("..", "bootstrap", folder)
		err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() || filepath.Ext(path) == ".go" {
				return err
			}
			text, err := os.ReadFile(path)
			texts[path] = string(text)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return texts
}

// The Chef package is read without credentials, which the policies of endpoints stop but for the object that is named.
func TestTheChefPackagePassesTheEndpoint(t *testing.T) {
	tier := load(t, oddConfig, "china--")
	tier.ContentTypes, tier.Environment.ImageBuilder = nil, nil
	tier.Environment.Network.Mode = tierspec.PrivateEndpoints
	tier.Chef.Package.URL = "https://tools.s3.cn-north-1.amazonaws.com.cn/cinc/18.rpm"
	template := synthtest.Parse(t, []byte(templates(t, synthesize(t, tier, standIn))[contract.StackName(tier.Name, tier.Environment.Name, "shared")]))
	found := false
	for _, endpoint := range template.Of("AWS::EC2::VPCEndpoint") {
		statements, _ := endpoint.At("PolicyDocument", "Statement").([]any)
		for _, statement := range statements {
			found = found || strings.Contains(fmt.Sprint(statement), ":s3:::tools/cinc/18.rpm")
		}
	}
	if !found {
		t.Error("no endpoint lets the package pass")
	}
}
