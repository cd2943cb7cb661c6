package fakeimds

import (
	"errors"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/credentials/ec2rolecreds"
	"github.com/aws/aws-sdk-go-v2/feature/ec2/imds"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

var identity = Identity{
	InstanceID: "i-0123456789abcdef0", Zone: "us-east-1b", Region: "us-east-1", Account: "000000000000",
	InstanceType: "m7g.large", ImageID: "ami-0123456789abcdef0", Group: "tier-mail", Role: "mail", AccessKey: "ASIALOCAL", SecretKey: "local", Token: "local",
}

func start(t *testing.T) (*Server, *imds.Client) {
	t.Helper()
	s, err := Start(identity)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s, imds.New(imds.Options{Endpoint: s.URL})
}

// read is the text at a path of the SDK's client, or the status of the answer.
func read(t *testing.T, c *imds.Client, path string) (string, int) {
	t.Helper()
	out, err := c.GetMetadata(t.Context(), &imds.GetMetadataInput{Path: path})
	if response, ok := errors.AsType[*smithyhttp.ResponseError](err); ok {
		return "", response.HTTPStatusCode()
	}
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = out.Content.Close() }()
	text, err := io.ReadAll(out.Content)
	if err != nil {
		t.Fatal(err)
	}
	return string(text), http.StatusOK
}

func TestTheSDKLearnsWhoTheInstanceIs(t *testing.T) {
	_, client := start(t)
	for path, want := range map[string]string{
		"instance-id":                             identity.InstanceID,
		"placement/availability-zone":             identity.Zone,
		"tags/instance/aws:autoscaling:groupName": identity.Group,
		"autoscaling/target-lifecycle-state":      "InService",
	} {
		if got, status := read(t, client, path); got != want {
			t.Errorf("%s: %q (status %d), want %q", path, got, status, want)
		}
	}
	region, err := client.GetRegion(t.Context(), nil)
	if err != nil || region.Region != identity.Region {
		t.Errorf("region %v, %v", region, err)
	}
	document, err := client.GetInstanceIdentityDocument(t.Context(), nil)
	if err != nil || document.AccountID != identity.Account || document.InstanceID != identity.InstanceID {
		t.Errorf("identity document %+v, %v", document, err)
	}
	provider := ec2rolecreds.New(func(o *ec2rolecreds.Options) { o.Client = client })
	credentials, err := provider.Retrieve(t.Context())
	if err != nil || credentials.AccessKeyID != identity.AccessKey || !credentials.Expires.After(time.Now()) {
		t.Errorf("role credentials %+v, %v", credentials, err)
	}
}

func TestNoticesAppearWhenGiven(t *testing.T) {
	s, client := start(t)
	for _, path := range []string{"spot/instance-action", "events/recommendations/rebalance", "no/such/path"} {
		if _, status := read(t, client, path); status != http.StatusNotFound {
			t.Errorf("%s: status %d, want 404", path, status)
		}
	}
	at := time.Date(2026, 11, 23, 10, 0, 0, 0, time.UTC)
	s.InterruptSpot(at)
	s.RecommendRebalance(at)
	s.SetTargetState("Terminated")
	for path, want := range map[string]string{
		"spot/instance-action":               `{"action":"terminate","time":"2026-11-23T10:00:00Z"}`,
		"events/recommendations/rebalance":   `{"noticeTime":"2026-11-23T10:00:00Z"}`,
		"autoscaling/target-lifecycle-state": "Terminated",
	} {
		if got, _ := read(t, client, path); got != want {
			t.Errorf("%s: %q, want %q", path, got, want)
		}
	}
}

func TestNothingIsToldWithoutAToken(t *testing.T) {
	s, _ := start(t)
	for name, header := range map[string]http.Header{
		"none":  {},
		"wrong": {"X-Aws-Ec2-Metadata-Token": {"guess"}},
	} {
		if status := status(t, http.MethodGet, s.URL+"/latest/meta-data/instance-id", header); status != http.StatusUnauthorized {
			t.Errorf("token %s: status %d, want 401", name, status)
		}
	}
	if status := status(t, http.MethodPut, s.URL+"/latest/api/token", nil); status != http.StatusBadRequest {
		t.Errorf("a token without a lifetime: status %d, want 400", status)
	}
}

func status(t *testing.T, method, url string, header http.Header) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header = header
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	return res.StatusCode
}
