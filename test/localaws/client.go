package localaws

import (
	"bytes"
	"io"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
)

// ownBody sends a copy of each request's body. The SDK closes a body once the answer is there; Go's
// client may then still be looking whether anything follows, is told EOF by the SDK's WriteTo, takes that for a
// failed request and closes the connection under the answer. The SDK tries again, and what is not idempotent
// is done twice. It takes an answer faster than a goroutine switch: loopback and busy processors.
type ownBody struct{ aws.HTTPClient }

func newClient() ownBody { return ownBody{awshttp.NewBuildableClient()} }

func (c ownBody) Do(r *http.Request) (*http.Response, error) {
	if r.Body != nil && r.Body != http.NoBody {
		text, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		r.Body = io.NopCloser(bytes.NewReader(text))
	}
	return c.HTTPClient.Do(r)
}
