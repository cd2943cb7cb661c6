package main

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/worker-tier/worker-tier/bootstrap/image"
	"github.com/worker-tier/worker-tier/internal/operator"
	"github.com/worker-tier/worker-tier/test/localaws"
	"github.com/worker-tier/worker-tier/tierspec"
)

const imageARN = "arn:aws:imagebuilder:" + localaws.Region + ":" + localaws.Account + ":image/tier-prod-base-image/"

// imageBuilder stands in for Image Builder, which the local AWS does not have: it answers as its API is documented, and tells
// what it was asked to start.
type imageBuilder struct {
	deployed string // version of the pipeline's recipe; "": there is no pipeline
	images   []map[string]any
	started  []string // pipelines
}

// https://docs.aws.amazon.com/imagebuilder/latest/APIReference/API_Operations.html
func (b *imageBuilder) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var in struct{ ImagePipelineArn, NextToken, ClientToken string }
	if r.Method != http.MethodGet {
		if err := json.NewDecoder(r.Body).Decode(&in); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
	}
	answer := func(v map[string]any) { _ = json.NewEncoder(w).Encode(v) }
	switch r.Method + " " + r.URL.Path {
	case "GET /GetImagePipeline":
		if b.deployed == "" {
			w.Header().Set("X-Amzn-ErrorType", "ResourceNotFoundException")
			w.WriteHeader(http.StatusNotFound)
			answer(map[string]any{"message": "The resource does not exist"})
			return
		}
		answer(map[string]any{"imagePipeline": map[string]any{
			"arn": r.URL.Query().Get("imagePipelineArn"), "imageRecipeArn": strings.Replace(imageARN, ":image/", ":image-recipe/", 1) + b.deployed,
		}})
	case "POST /ListImagePipelineImages": // in pages of one
		i := len(in.NextToken)
		out := map[string]any{"imageSummaryList": b.images[min(i, len(b.images)):min(i+1, len(b.images))]}
		if i+1 < len(b.images) {
			out["nextToken"] = strings.Repeat("x", i+1)
		}
		answer(out)
	case "PUT /StartImagePipelineExecution":
		if in.ClientToken == "" {
			http.Error(w, "no client token", http.StatusBadRequest)
			return
		}
		b.started = append(b.started, in.ImagePipelineArn)
		answer(map[string]any{"imageBuildVersionArn": imageARN + b.deployed + "/9"})
	default:
		http.Error(w, r.Method+" "+r.URL.Path, http.StatusNotFound)
	}
}

// made is an entry of Image Builder's list.
func made(version, ami string, ago time.Duration, status, reason string) map[string]any {
	entry := map[string]any{
		"arn": imageARN + version, "dateCreated": time.Now().Add(-ago).UTC().Format("2006-01-02T15:04:05.000Z"), "osVersion": "Amazon Linux 2023",
		"state": map[string]any{"status": status, "reason": reason},
	}
	if ami != "" {
		entry["outputResources"] = map[string]any{"amis": []any{
			map[string]any{"region": "eu-west-1", "image": "ami-0000000000000elsewhere"}, map[string]any{"region": localaws.Region, "image": ami},
		}}
	}
	return entry
}

// defined is the version that the configuration of [imageTier] asks for.
func defined() string {
	return image.Define(tierspec.ARM64, tierspec.Chef{Distribution: "cinc", Version: "18", Package: &tierspec.ChefPackage{URL: "https://downloads.example/cinc.rpm", SHA256: emptyFile}}).Version
}

// imageTier runs tier image in an environment whose Image Builder is b.
func imageTier(t *testing.T, b *imageBuilder, environment string, args ...string) (status int, out, errs string) {
	t.Helper()
	for _, v := range localaws.StartT(t).Environ() {
		name, value, _ := strings.Cut(v, "=")
		t.Setenv(name, value)
	}
	standIn := httptest.NewServer(b)
	t.Cleanup(standIn.Close)
	t.Setenv("AWS_ENDPOINT_URL_IMAGEBUILDER", standIn.URL)
	machines := httptest.NewServer(http.HandlerFunc(describeImages))
	t.Cleanup(machines.Close)
	t.Setenv("AWS_ENDPOINT_URL_EC2", machines.URL)
	file := filepath.Join(t.TempDir(), "worker-tier.yaml")
	if err := os.WriteFile(filepath.Join(filepath.Dir(file), "cdk.context.json"), []byte(contextFile), 0o600); err != nil {
		t.Fatal(err)
	}
	text := "name: tier\nworker: {package: example.com/worker}\nchef: {distribution: cinc, version: \"18\", package: {url: https://downloads.example/cinc.rpm, sha256: " + emptyFile + "}}\n" +
		"environments: {prod: {account: \"" + localaws.Account + "\", region: " + localaws.Region + ", network: {mode: public}" + environment + "}}\ncontentTypes: {mail: {processor: backup}}\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	var stdout, stderr bytes.Buffer
	status = run(t.Context(), &session{out: operator.Printer{To: &stdout}, err: operator.Printer{To: &stderr}}, append([]string{"image", "--config", file}, args...))
	return status, strings.ReplaceAll(stdout.String(), file, "FILE"), strings.ReplaceAll(stderr.String(), file, "FILE")
}

const (
	day    = 24 * time.Hour
	newAMI = "ami-00000000000000002"
	oldAMI = "ami-00000000000000001"
	asked  = ", imageBuilder: {}"
	pinned = asked + ", baseImage: {amiId: " + oldAMI + "}"
)

// The newest image that passed its tests is shown beside the one in use, with its version, its age and what to do; a build
// that failed after it is too, and where its log is.
func TestImageShowsWhatMayBeUsed(t *testing.T) {
	b := &imageBuilder{deployed: defined(), images: []map[string]any{
		made(defined()+"/1", newAMI, 4*day+time.Hour, "AVAILABLE", ""),
		made("1.2.3/1", oldAMI, 40*day+time.Hour, "AVAILABLE", ""),
		made(defined()+"/2", "", 3*time.Hour+time.Minute, "FAILED", "the image lacks the command aws"),
		made(defined()+"/3", "", 10*time.Minute, "TESTING", ""),
	}}
	status, out, errs := imageTier(t, b, pinned)
	if status != 0 {
		t.Fatalf("status %d: %s", status, errs)
	}
	out = regexp.MustCompile(` +`).ReplaceAllString(out, " ")
	for _, want := range []string{
		"tier-prod-base-image in us-east-1, arm64, version " + defined() + "\n\n",
		" 10 min old testing\n",
		" 3 h old the image lacks the command aws (log group /aws/imagebuilder/tier-prod-base-image, stream " + defined() + "/2)\n",
		" 4 days old " + newAMI + " Amazon Linux 2023\n",
		" 40 days old " + oldAMI + " Amazon Linux 2023\n",
		newAMI + " holds systemd, Bash, ", ", CloudWatch agent, cinc-client 18\n",
		"to use it, put this into environment prod of FILE; npx cdk diff -c env=prod then shows what rolls:\n baseImage: {amiId: " + newAMI + "}\n",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("said is no %q:\n%s", want, out)
		}
	}
	var rows []string
	for _, row := range regexp.MustCompile(`(?m)^(\w+(?: \w+)?) (1\.[0-9.]+/[0-9]) `).FindAllStringSubmatch(out, -1) {
		rows = append(rows, row[1]+" "+row[2])
	}
	if diff := cmp.Diff([]string{"being built " + defined() + "/3", "failed " + defined() + "/2", "newest " + defined() + "/1", "in use 1.2.3/1"}, rows); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
	if len(b.started) != 0 {
		t.Error("a build was started")
	}
}

func TestImageSaysWhatIsNotAsItSeems(t *testing.T) {
	passed := made(defined()+"/1", newAMI, day, "AVAILABLE", "")
	for name, c := range map[string]struct {
		b           *imageBuilder
		environment string
		want        string
		not         string
	}{
		"nothing built":                   {&imageBuilder{deployed: defined()}, asked, "no image passed its tests yet: tier image -e prod --build starts a build\n", "baseImage"},
		"only failures":                   {&imageBuilder{deployed: defined(), images: []map[string]any{made(defined()+"/1", "", day, "FAILED", "no space")}}, asked, "no image passed its tests yet", "baseImage"},
		"in use already":                  {&imageBuilder{deployed: defined(), images: []map[string]any{passed}}, asked + ", baseImage: {amiId: " + newAMI + "}", "environment prod uses it\n", "baseImage"},
		"somebody else's image is used":   {&imageBuilder{deployed: defined(), images: []map[string]any{passed}}, pinned, "in use is " + oldAMI + ", which this pipeline did not build\n", ""},
		"the image is of before":          {&imageBuilder{deployed: defined(), images: []map[string]any{made("1.2.3/1", newAMI, day, "AVAILABLE", "")}}, asked, newAMI + " was built from another definition than that of FILE\n", "holds"},
		"the pipeline is of before":       {&imageBuilder{deployed: "1.2.3", images: []map[string]any{passed}}, asked, "deployed is version 1.2.3: npx cdk deploy -c env=prod --exclusively tier-prod-base-image before the next build\n", ""},
		"an image that was deleted":       {&imageBuilder{deployed: defined(), images: []map[string]any{made(defined()+"/1", newAMI, day, "DELETED", "")}}, asked, "no image passed its tests yet", "baseImage"},
		"an image of another Region only": {&imageBuilder{deployed: defined(), images: []map[string]any{made(defined()+"/1", "", day, "AVAILABLE", "")}}, asked, "no image passed its tests yet", "baseImage"},
	} {
		t.Run(name, func(t *testing.T) {
			status, out, errs := imageTier(t, c.b, c.environment)
			if status != 0 || !strings.Contains(out, c.want) || c.not != "" && strings.Contains(out, c.not) {
				t.Errorf("status %d, want %q and no %q:\n%s%s", status, c.want, c.not, out, errs)
			}
		})
	}
}

func TestImageForPrograms(t *testing.T) {
	b := &imageBuilder{deployed: "1.2.3", images: []map[string]any{made("1.2.3/4", newAMI, day, "AVAILABLE", "")}}
	status, out, errs := imageTier(t, b, pinned, "--json")
	var got pipeline
	if err := json.Unmarshal([]byte(out), &got); err != nil || status != 0 {
		t.Fatalf("status %d, %v: %s%s", status, err, out, errs)
	}
	want := pipeline{Name: "tier-prod-base-image", Region: localaws.Region, Defined: defined(), Deployed: "1.2.3", Pinned: oldAMI, Used: &usedImage{AMI: oldAMI, Created: got.Used.Created}, Images: []build{
		{Version: "1.2.3/4", AMI: newAMI, OS: "Amazon Linux 2023", Status: "AVAILABLE", Started: got.Images[0].Started},
	}}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(pipeline{}, usedImage{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// A build is started once, and only of what the configuration says.
func TestImageBuild(t *testing.T) {
	for name, c := range map[string]struct {
		b      *imageBuilder
		status int
		want   string
	}{
		"started":           {&imageBuilder{deployed: defined(), images: []map[string]any{made(defined()+"/1", newAMI, day, "AVAILABLE", "")}}, 0, "version " + defined() + "/9 is being built, then tested: tier image -e prod shows what becomes of it\n"},
		"there is one":      {&imageBuilder{deployed: defined(), images: []map[string]any{made(defined()+"/8", "", time.Hour, "BUILDING", "")}}, 1, "tier: version " + defined() + "/8 is being built (BUILDING): wait for it, or cancel it in the console of Image Builder\n"},
		"not deployed":      {&imageBuilder{deployed: "1.2.3"}, 1, "tier: the deployed pipeline builds version 1.2.3, FILE defines " + defined() + ": npx cdk deploy -c env=prod --exclusively tier-prod-base-image first\n"},
		"there is no stack": {&imageBuilder{}, 1, "tier: there is no image pipeline tier-prod-base-image in us-east-1: npx cdk deploy -c env=prod --exclusively tier-prod-base-image\n"},
	} {
		t.Run(name, func(t *testing.T) {
			status, out, errs := imageTier(t, c.b, asked, "--build")
			if status != c.status || out+errs != c.want {
				t.Errorf("status %d, said %q, want %q", status, out+errs, c.want)
			}
			if want := 1 - c.status; len(c.b.started) != want {
				t.Errorf("started are %v, want %d", c.b.started, want)
			}
		})
	}
}

func TestNoBuildWithoutAPipeline(t *testing.T) {
	status, _, errs := imageTier(t, &imageBuilder{}, "", "--build")
	if want := "tier: environment prod has no image pipeline: give it imageBuilder in FILE, then npx cdk deploy -c env=prod --exclusively tier-prod-base-image\n"; status != 1 || errs != want {
		t.Errorf("status %d, said %q, want %q", status, errs, want)
	}
}

func TestAge(t *testing.T) {
	for d, want := range map[time.Duration]string{time.Minute: "1 min old", 119 * time.Minute: "119 min old", 47 * time.Hour: "47 h old", 49 * time.Hour: "2 days old"} {
		if got := age(d); got != want {
			t.Errorf("%s: %q, want %q", d, got, want)
		}
	}
}
