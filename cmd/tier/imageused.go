package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ec2"
	"github.com/aws/smithy-go"
)

// oldImage is when an image is worth a warning: what it lacks of security updates since, its instances lack.
const oldImage = 90 * 24 * time.Hour

// usedImage is the image that an environment's instances start from.
type usedImage struct {
	AMI       string    `json:"ami"`       // "": no synth has looked it up yet
	Created   time.Time `json:"created"`   // zero: there is no such image
	Parameter string    `json:"parameter"` // SSM parameter that names it, "" if the configuration does
	Newest    string    `json:"newest"`    // AMI that the parameter has now
	context   string    // its key in cdk.context.json
}

// usedImage finds out which image the next deploy uses. The CDK keeps what it once read of an SSM parameter in cdk.context.json.
func (s *session) usedImage(ctx context.Context) (*usedImage, error) {
	env := s.tier.Environment
	u := &usedImage{AMI: env.BaseImage.AMI, Parameter: env.BaseImage.SSMParameter}
	if u.Parameter != "" {
		u.context = "ssm:account=" + env.Account + ":parameterName=" + u.Parameter + ":region=" + env.Region
		var err error
		if u.AMI, err = lookedUp(filepath.Join(s.tier.Dir, "cdk.context.json"), u.context); err != nil {
			return nil, err
		}
		if u.Newest, err = s.parameter(ctx, u.Parameter); err != nil {
			return nil, err
		}
	}
	if u.AMI == "" {
		return u, nil
	}
	found, err := s.machines.DescribeImages(ctx, &ec2.DescribeImagesInput{ImageIds: []string{u.AMI}})
	if api, ok := errors.AsType[smithy.APIError](err); ok && api.ErrorCode() == "InvalidAMIID.NotFound" || err == nil && len(found.Images) == 0 {
		return u, nil
	}
	if err != nil {
		return nil, fmt.Errorf("look for image %s: %w", u.AMI, err)
	}
	if u.Created, err = time.Parse(time.RFC3339, aws.ToString(found.Images[0].CreationDate)); err != nil {
		return nil, fmt.Errorf("image %s: its date: %w", u.AMI, err)
	}
	return u, nil
}

// lookedUp is a value in cdk.context.json, "" if there is none.
func lookedUp(file, key string) (string, error) {
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	values := map[string]any{}
	if err := json.Unmarshal(text, &values); err != nil {
		return "", fmt.Errorf("read %s: %w", file, err)
	}
	value, _ := values[key].(string)
	return value, nil
}

// lines say to people what the image is, and how to take a newer one.
func (u *usedImage) lines(environment string, now time.Time) []string {
	var text []string
	switch old := now.Sub(u.Created); {
	case u.AMI == "":
		return []string{"environment " + environment + " has no image yet: npx cdk synth -c env=" + environment + " looks up " + u.Parameter}
	case u.Created.IsZero():
		text = append(text, "warning: "+u.AMI+", from which environment "+environment+" starts instances, is not there or not shared with this account")
	default:
		text = append(text, "environment "+environment+" starts instances from "+u.AMI+", "+age(old))
		if old > oldImage {
			text = append(text, "warning: an image older than 90 days lacks the security updates since")
		}
	}
	switch u.Newest {
	case "":
	case u.AMI:
		text = append(text, u.Parameter+" names the same")
	default:
		text = append(text, u.Parameter+" names "+u.Newest+" now; to use it:",
			"    npx cdk context --reset "+u.context, "    npx cdk diff -c env="+environment+"   # shows what rolls")
	}
	return text
}
