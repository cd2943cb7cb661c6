package awsaccess

import (
	"io"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
)

// Client sends requests so that none is done twice for an answer that came fast. The SDK closes a request's body once the
// answer is there. Go's client may then still be looking whether anything follows. It is told EOF by the WriteTo of
// smithy-go's body, takes that for a failed request and closes the connection under the answer. The SDK tries again, and a
// conditional write is refused. It takes an answer faster than a goroutine switch: loopback, or busy processors.
// Read of the same body ends as a reader should, so the body is sent without its WriteTo. A nil c is the SDK's own client.
func Client(c aws.HTTPClient) aws.HTTPClient {
	if c == nil {
		c = awshttp.NewBuildableClient()
	}
	return readBody{c}
}

type readBody struct{ aws.HTTPClient }

func (c readBody) Do(r *http.Request) (*http.Response, error) {
	if r.Body != nil && r.Body != http.NoBody {
		r.Body = struct{ io.ReadCloser }{r.Body}
	}
	return c.HTTPClient.Do(r)
}
