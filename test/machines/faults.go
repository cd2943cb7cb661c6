package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/worker-tier/worker-tier/test/localec2"
	"github.com/worker-tier/worker-tier/test/localec2/awsproxy"
)

// fault makes something wrong with a machine that is about to boot.
type fault func(*localec2.Machines, *localec2.Boot) error

// noNetwork: nothing answers where AWS should be. On EC2 packets are dropped, which takes longer to notice.
func noNetwork(_ *localec2.Machines, b *localec2.Boot) error {
	b.Endpoint = ""
	return nil
}

// noUserData: there is no metadata service, so that the machine has nothing to do.
func noUserData(_ *localec2.Machines, b *localec2.Boot) error {
	b.Metadata = ""
	return nil
}

// fullDisk leaves no room for the bundle.
func fullDisk(m *localec2.Machines, _ *localec2.Boot) error {
	m.Disk = 24 << 20
	return nil
}

// failingRecipe puts a folder where the recipe wants to write that cannot be written to.
func failingRecipe(m *localec2.Machines, b *localec2.Boot) error {
	empty := filepath.Join(b.Dir, "empty")
	m.Shared = append(m.Shared, localec2.Shared{Host: empty, Machine: "/etc/worker-tier"})
	return os.Mkdir(empty, 0o755)
}

// behind puts a server between the machine and its way to AWS that answers what it likes, and passes the rest on.
func behind(answer func(http.ResponseWriter, *http.Request) bool, change func(*http.Response) error) fault {
	return func(_ *localec2.Machines, b *localec2.Boot) (err error) {
		b.Endpoint, err = between(b.Endpoint, answer, change)
		return err
	}
}

// userData serves the machine a user-data in which something else stands in the place of a text.
func userData(text, other string) fault {
	change := func(r *http.Response) error {
		if r.Request.URL.Path != "/latest/user-data" {
			return nil
		}
		script, err := io.ReadAll(r.Body)
		if err != nil {
			return err
		}
		if !bytes.Contains(script, []byte(text)) {
			return fmt.Errorf("user-data has no %s to change", text)
		}
		script = bytes.ReplaceAll(script, []byte(text), []byte(other))
		r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(script)), int64(len(script))
		r.Header.Set("Content-Length", strconv.Itoa(len(script)))
		return nil
	}
	return func(_ *localec2.Machines, b *localec2.Boot) (err error) {
		b.Metadata, err = between(b.Metadata, nil, change)
		return err
	}
}

// between is the URL of a server before another.
func between(before string, answer func(http.ResponseWriter, *http.Request) bool, change func(*http.Response) error) (string, error) {
	b, err := awsproxy.StartBetween(before, answer, change) // until this process ends
	if err != nil {
		return "", err
	}
	return b.URL, nil
}

// s3Object is true for a request for an object.
func s3Object(r *http.Request) bool {
	return strings.Contains(r.Header.Get("Authorization"), "/s3/aws4_request") && strings.Count(strings.Trim(r.URL.Path, "/"), "/") > 0
}

// forbidden: the role may not read the bundle.
func forbidden(w http.ResponseWriter, r *http.Request) bool {
	if !s3Object(r) {
		return false
	}
	refuse(w, "AccessDenied", "Access Denied")
	return true
}

// refuse answers as S3 does.
func refuse(w http.ResponseWriter, code, message string) {
	w.Header().Set("Content-Type", "application/xml")
	w.WriteHeader(http.StatusForbidden)
	fmt.Fprintf(w, "<?xml version=\"1.0\"?>\n<Error><Code>%s</Code><Message>%s</Message></Error>", code, message)
}

// spoiled: the bundle is not the one that was deployed.
func spoiled(r *http.Response) error {
	if r.Request.Method == http.MethodGet && s3Object(r.Request) && r.StatusCode < 300 {
		r.Body = &flip{ReadCloser: r.Body}
	}
	return nil
}

// flip changes the first byte of what is read.
type flip struct {
	io.ReadCloser
	done bool
}

func (f *flip) Read(p []byte) (int, error) {
	n, err := f.ReadCloser.Read(p)
	if n > 0 && !f.done {
		p[0] ^= 0xff
		f.done = true
	}
	return n, err
}

// withoutQueue: the role may not look at its queue, which the worker's own check does and nothing before.
func withoutQueue(w http.ResponseWriter, r *http.Request) bool {
	if r.Header.Get("X-Amz-Target") != "AmazonSQS.GetQueueAttributes" {
		return false
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.0")
	w.WriteHeader(http.StatusForbidden)
	fmt.Fprint(w, `{"__type":"com.amazonaws.sqs#AccessDeniedException","message":"User is not authorized to perform: sqs:getqueueattributes"}`)
	return true
}

// clockSkew is how far AWS's clock is ahead. The kernel has one clock for all machines, so a machine's own cannot be
// set: AWS's is.
const clockSkew = time.Hour

// skewed answers as AWS does whose clock is not that of the machine: S3 takes 15 minutes, the others 5.
// https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html (RequestTimeTooSkewed)
func skewed(w http.ResponseWriter, r *http.Request) bool {
	signed, err := time.Parse("20060102T150405Z", r.Header.Get("X-Amz-Date"))
	now := time.Now().Add(clockSkew)
	if err == nil && now.Sub(signed) < 5*time.Minute {
		return false
	}
	w.Header().Set("Date", now.UTC().Format(http.TimeFormat))
	refuse(w, "RequestTimeTooSkewed", "The difference between the request time and the current time is too large.")
	return true
}
