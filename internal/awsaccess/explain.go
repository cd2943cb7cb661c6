package awsaccess

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	ddbtypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	sqstypes "github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// Explain turns an error into one sentence that says what to do, where that is known.
func Explain(err error) string {
	if errors.Is(err, ErrNoCredentials) { // whatever the SDK met with where it looked for them
		return err.Error()
	}
	if unreachable, ok := errors.AsType[*net.OpError](err); ok {
		return fmt.Sprintf("%s%s cannot be reached: is it running, and the network up? (%v)", doing(err), address(err), unreachable)
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Sprintf("%s%s does not answer in time: is there a way to it (route, security group, VPC endpoint)?", doing(err), address(err))
	}
	if missing, ok := errors.AsType[*ddbtypes.ResourceNotFoundException](err); ok {
		return fmt.Sprintf("the job table does not exist: is the tier deployed in this account and Region? (%s)", missing.ErrorMessage())
	}
	if _, ok := errors.AsType[*sqstypes.QueueDoesNotExist](err); ok {
		return doing(err) + "the queue does not exist: is the content type's stack deployed in this account and Region?"
	}
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		switch api.ErrorCode() {
		case "NoSuchBucket":
			return doing(err) + "the bucket does not exist: is the tier deployed in this account and Region?"
		case "AccessDenied", "AccessDeniedException":
			return fmt.Sprintf("%sAWS refuses %s: the role or user must be granted it, as the tier's stacks do, and no policy may deny it (%s)", doing(err), action(err), api.ErrorMessage())
		case "UnrecognizedClientException", "InvalidSignatureException", "ExpiredTokenException":
			return "AWS does not accept the credentials: are they of this account, and still valid? (" + api.ErrorMessage() + ")"
		}
	}
	return err.Error()
}

// Lasting reports whether AWS would give the same answer however often it is asked: there is no such table, access is
// denied, the credentials are bad. These are the client's own errors that the SDK itself would not repeat.
func Lasting(err error) bool {
	_, answered := errors.AsType[smithy.APIError](err)
	response, ok := errors.AsType[*smithyhttp.ResponseError](err)
	return answered && ok && response.HTTPStatusCode() >= http.StatusBadRequest && response.HTTPStatusCode() < http.StatusInternalServerError &&
		retry.IsErrorRetryables(retry.DefaultRetryables).IsErrorRetryable(err) != aws.TrueTernary
}

// doing is what the error says of the worker's side: what it was about, without the SDK's account of the call.
func doing(err error) string {
	what, _, cut := strings.Cut(err.Error(), "operation error ")
	if !cut {
		return ""
	}
	return what // ends with ": ", if it is not empty
}

// action is the operation that failed as policies name it, for example "dynamodb:UpdateItem".
func action(err error) string {
	operation, ok := errors.AsType[*smithy.OperationError](err)
	if !ok {
		return "the call"
	}
	return strings.ReplaceAll(strings.ToLower(operation.Service()), " ", "") + ":" + operation.Operation()
}

// address is the endpoint that a request was sent to.
func address(err error) string {
	sent, ok := errors.AsType[*url.Error](err)
	if !ok {
		return "AWS"
	}
	to, parseErr := url.Parse(sent.URL)
	if parseErr != nil {
		return "AWS"
	}
	where := to.Scheme + "://" + to.Host
	if where == os.Getenv("AWS_ENDPOINT_URL") {
		where += " (AWS_ENDPOINT_URL)"
	}
	return where
}
