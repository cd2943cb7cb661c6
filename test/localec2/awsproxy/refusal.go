package awsproxy

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/aws/smithy-go/encoding/cbor"
)

// code is the name of an error in a protocol of AWS, with its HTTP status.
type code struct {
	status int
	name   string
}

// refusal is an error that all services have, by protocol.
type refusal struct {
	s3, dynamodb, json, cbor, query code
	namespace                       string // of the shape of the JSON protocol, DynamoDB aside
	text                            string
}

// throttling is that of a service that is asked too much.
//
//   - https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html
//   - https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/CommonErrors.html
//   - https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
var throttling = refusal{
	s3:       code{http.StatusServiceUnavailable, "SlowDown"},
	dynamodb: code{http.StatusBadRequest, "ProvisionedThroughputExceededException"},
	json:     code{http.StatusBadRequest, "ThrottlingException"},
	cbor:     code{http.StatusBadRequest, "ThrottlingException"},
	query:    code{http.StatusBadRequest, "Throttling"},

	namespace: "com.amazon.coral.availability", text: "Rate exceeded",
}

// expired is that of credentials that have expired; the pages are those of throttling.
var expired = refusal{
	s3:       code{http.StatusBadRequest, "ExpiredToken"},
	dynamodb: code{http.StatusBadRequest, "ExpiredTokenException"},
	json:     code{http.StatusBadRequest, "ExpiredTokenException"},
	cbor:     code{http.StatusBadRequest, "ExpiredTokenException"},
	query:    code{http.StatusForbidden, "ExpiredToken"},

	namespace: "com.amazon.coral.service", text: "The security token included in the request is expired",
}

// answer refuses a request in its protocol.
func (e refusal) answer(w http.ResponseWriter, r *http.Request, request Request) (status int, name string) {
	contentType := r.Header.Get("Content-Type")
	var c code
	var body []byte
	switch {
	case request.Service == "s3":
		c, contentType = e.s3, "application/xml"
		body = fmt.Appendf(nil, `<?xml version="1.0" encoding="UTF-8"?><Error><Code>%s</Code><Message>%s</Message></Error>`, c.name, e.text)
	case strings.Contains(contentType, "cbor"):
		c = e.cbor
		w.Header().Set("Smithy-Protocol", "rpc-v2-cbor")
		body = cbor.Encode(cbor.Map{"__type": cbor.String(c.name), "message": cbor.String(e.text)})
	case r.Header.Get("X-Amz-Target") != "":
		c = e.json
		shape := e.namespace + "#" + c.name
		if request.Service == "dynamodb" {
			c = e.dynamodb
			shape = "com.amazonaws.dynamodb.v20120810#" + c.name
		}
		body, _ = json.Marshal(map[string]string{"__type": shape, "message": e.text})
	default:
		c, contentType = e.query, "text/xml"
		body = fmt.Appendf(nil, `<ErrorResponse><Error><Type>Sender</Type><Code>%s</Code><Message>%s</Message></Error></ErrorResponse>`, c.name, e.text)
	}
	w.Header().Set("Content-Type", contentType)
	w.WriteHeader(c.status)
	_, _ = w.Write(body) // a client that went away needs no answer
	return c.status, c.name
}
