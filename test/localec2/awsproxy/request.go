package awsproxy

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"io"
	"net/http"
	"net/url"
	"path"
	"strconv"
	"strings"
	"time"
)

// Request is one request to AWS and its answer.
type Request struct {
	At        time.Time     `json:"at"`        // when it came
	Service   string        `json:"service"`   // as in its signature: "dynamodb", "sqs", "s3" …
	Operation string        `json:"operation"` // "UpdateItem", "PutObject" …
	Path      string        `json:"path"`      // S3: "/<bucket>/<key>"
	Bytes     int64         `json:"bytes"`     // of its body
	Body      []byte        `json:"-"`         // nil for S3
	Held      bool          `json:"held,omitempty"`
	Fault     string        `json:"fault,omitempty"` // of the network: "throttled", "cut before", "cut after"; "repeated": this is the second one
	Delayed   time.Duration `json:"delayedNanoseconds,omitempty"`
	Order     int64         `json:"order,omitempty"` // among the network's writes to tables: when it was applied or refused; 0: not delivered
	Answer    []byte        `json:"-"`               // of a write to a table, with a network
	Status    int           `json:"status"`          // 0: there was no answer; a write may have been applied or not
	Code      string        `json:"code,omitempty"`  // of an error, for example "ConditionalCheckFailedException"
	Took      time.Duration `json:"tookNanoseconds"`
}

// describe reads what r asks for. The body of an S3 request is not kept: it may be large.
func describe(r *http.Request) (Request, error) {
	out := Request{At: time.Now(), Service: service(r.Header.Get("Authorization")), Path: r.URL.Path, Bytes: length(r)}
	if out.Service == "s3" {
		out.Operation = s3Operation(r)
		return out, nil
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return out, err
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	out.Body = body
	out.Operation = operation(r, body)
	return out, nil
}

// service takes the service out of a signature:
// AWS4-HMAC-SHA256 Credential=<key>/<date>/<region>/<service>/aws4_request, …
func service(authorization string) string {
	_, scope, _ := strings.Cut(authorization, "Credential=")
	parts := strings.Split(scope, "/")
	if len(parts) < 5 {
		return ""
	}
	return parts[3]
}

// length is the size of the payload, without the framing of a chunked upload.
func length(r *http.Request) int64 {
	if n, err := strconv.ParseInt(r.Header.Get("X-Amz-Decoded-Content-Length"), 10, 64); err == nil {
		return n
	}
	return max(r.ContentLength, 0)
}

// operation knows the three protocols of the other services: JSON names it in a header, CBOR in the
// path, Query in the form.
func operation(r *http.Request, body []byte) string {
	if _, name, ok := strings.Cut(r.Header.Get("X-Amz-Target"), "."); ok {
		return name
	}
	if strings.Contains(r.URL.Path, "/operation/") {
		return path.Base(r.URL.Path)
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return ""
	}
	return form.Get("Action")
}

func s3Operation(r *http.Request) string {
	query := r.URL.Query()
	switch {
	case r.Method == http.MethodPost && query.Has("uploads"):
		return "CreateMultipartUpload"
	case r.Method == http.MethodPost && query.Has("uploadId"):
		return "CompleteMultipartUpload"
	case r.Method == http.MethodPut && query.Has("partNumber"):
		return "UploadPart"
	case r.Method == http.MethodGet && query.Has("uploadId"):
		return "ListParts"
	case r.Method == http.MethodGet && query.Has("list-type"):
		return "ListObjectsV2"
	}
	return map[string]string{
		http.MethodGet: "GetObject", http.MethodPut: "PutObject", http.MethodHead: "HeadObject",
		http.MethodDelete: "DeleteObject", http.MethodPost: "PostObject",
	}[r.Method]
}

// writesTable reports whether a request changes items of a table.
func (r Request) writesTable() bool {
	switch r.Operation {
	case "UpdateItem", "PutItem", "DeleteItem", "BatchWriteItem", "TransactWriteItems":
		return r.Service == "dynamodb"
	}
	return false
}

// askForItem has an update ask for the item after it, if it does not. The local AWS checks no signatures.
func (r *Request) askForItem(to *http.Request) {
	var update map[string]json.RawMessage
	if r.Service != "dynamodb" || r.Operation != "UpdateItem" || json.Unmarshal(r.Body, &update) != nil {
		return
	}
	update["ReturnValues"] = json.RawMessage(`"ALL_NEW"`)
	r.Body, _ = json.Marshal(update) // it was just read
	to.Body, to.ContentLength = io.NopCloser(bytes.NewReader(r.Body)), int64(len(r.Body))
}

// errorLimit is how much of an error's text is kept to find its code in.
const errorLimit = 64 << 10

// answer notes the status and the error of an answer that passes.
type answer struct {
	http.ResponseWriter
	keep   bool // the text of a good answer too
	status int
	text   bytes.Buffer
}

func (a *answer) WriteHeader(status int) {
	if status >= http.StatusOK { // not an interim answer
		a.status = status
	}
	a.ResponseWriter.WriteHeader(status)
}

func (a *answer) Write(p []byte) (int, error) {
	if (a.keep || a.status >= http.StatusBadRequest) && a.text.Len() < errorLimit {
		a.text.Write(p)
	}
	return a.ResponseWriter.Write(p)
}

// Unwrap lets the reverse proxy flush.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }

// code is the error code of a failed request: from JSON's __type or XML's Code.
func (a *answer) code() string {
	if a.status < http.StatusBadRequest {
		return ""
	}
	var fromJSON struct {
		Type string `json:"__type"`
	}
	if json.Unmarshal(a.text.Bytes(), &fromJSON) == nil && fromJSON.Type != "" {
		return fromJSON.Type[strings.LastIndexByte(fromJSON.Type, '#')+1:]
	}
	var fromXML struct {
		Code  string `xml:"Code"`
		Error struct {
			Code string `xml:"Code"`
		} `xml:"Error"`
	}
	if xml.Unmarshal(a.text.Bytes(), &fromXML) == nil {
		return fromXML.Code + fromXML.Error.Code // S3 has the one, Query the other
	}
	return ""
}
