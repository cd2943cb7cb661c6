package main

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	ssmtypes "github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/worker-tier/worker-tier/test/localaws"
)

const (
	parameter  = "/images/base"
	lookedUpAs = "ssm:account=" + localaws.Account + ":parameterName=" + parameter + ":region=" + localaws.Region
	// contextFile is what the CDK once looked up.
	contextFile = `{"` + lookedUpAs + `": "` + oldAMI + `", "availability-zones:account=1:region=x": ["xa"]}`
)

// images are those that there are, by id, with their age.
var images = map[string]time.Duration{oldAMI: 91*day + time.Hour, newAMI: 4*day + time.Hour}

// describeImages answers as EC2 does.
// https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeImages.html
func describeImages(w http.ResponseWriter, r *http.Request) {
	id := r.FormValue("ImageId.1")
	ago, there := images[id]
	if !there {
		w.WriteHeader(http.StatusBadRequest)
		_, _ = fmt.Fprintf(w, "<Response><Errors><Error><Code>InvalidAMIID.NotFound</Code><Message>%s</Message></Error></Errors></Response>", id)
		return
	}
	_, _ = fmt.Fprintf(w, "<DescribeImagesResponse><imagesSet><item><imageId>%s</imageId><creationDate>%s</creationDate></item></imagesSet></DescribeImagesResponse>",
		id, time.Now().Add(-ago).UTC().Format("2006-01-02T15:04:05.000Z"))
}

// The image in use is shown with its age, with or without a pipeline. One past 90 days is worth a warning.
func TestImageInUse(t *testing.T) {
	for name, c := range map[string]struct{ environment, want, not string }{
		"old":             {", baseImage: {amiId: " + oldAMI + "}", "environment prod starts instances from " + oldAMI + ", 91 days old\nwarning: an image older than 90 days lacks the security updates since\n", "names"},
		"new":             {", baseImage: {amiId: " + newAMI + "}", "environment prod starts instances from " + newAMI + ", 4 days old\n", "warning"},
		"gone":            {", baseImage: {amiId: ami-0000000a}", "warning: ami-0000000a, from which environment prod starts instances, is not there or not shared with this account\n", "old"},
		"with a pipeline": {pinned, "\n\nenvironment prod starts instances from " + oldAMI + ", 91 days old\nwarning: ", ""},
		"never looked up": {", baseImage: {ssmParameter: /images/other}", "environment prod has no image yet: npx cdk synth -c env=prod looks up /images/other\n", "warning"},
	} {
		t.Run(name, func(t *testing.T) {
			status, out, errs := imageTier(t, &imageBuilder{deployed: defined()}, c.environment)
			if status != 0 || !strings.Contains(out, c.want) || c.not != "" && strings.Contains(out, c.not) {
				t.Errorf("status %d, want %q and no %q:\n%s%s", status, c.want, c.not, out, errs)
			}
		})
	}
}

// What the CDK has looked up once stays. The command says when the parameter names another image, and how to take it.
func TestImageOfAParameterStays(t *testing.T) {
	cfg := localaws.StartT(t).ConfigT(t)
	for ami, want := range map[string]string{
		oldAMI: parameter + " names the same\n",
		newAMI: parameter + " names " + newAMI + " now; to use it:\n    npx cdk context --reset " + lookedUpAs + "\n    npx cdk diff -c env=prod   # shows what rolls\n",
	} {
		localaws.Call(t, ssm.NewFromConfig(cfg).PutParameter, &ssm.PutParameterInput{
			Name: aws.String(parameter), Value: &ami, Type: ssmtypes.ParameterTypeString, Overwrite: aws.Bool(true),
		})
		status, out, errs := imageTier(t, &imageBuilder{}, ", baseImage: {ssmParameter: "+parameter+"}")
		if status != 0 || !strings.HasPrefix(out, "environment prod starts instances from "+oldAMI+", 91 days old\n") || !strings.HasSuffix(out, want) {
			t.Errorf("status %d, want %q:\n%s%s", status, want, out, errs)
		}
	}
}
