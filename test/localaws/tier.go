package localaws

import (
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/worker-tier/worker-tier/worker/contract"
)

// MakeTier makes by hand, as the stacks make them, the environment "test" of a tier with one content type: table, bucket, queues
// with these attributes, and the parameters by which operators find them. The settings name them; processor and timing are the test's.
func (s *Server) MakeTier(t testing.TB, tier, contentType string, queue map[string]string) contract.Settings {
	t.Helper()
	cfg := s.ConfigT(t)
	made := contract.Settings{
		Tier: tier, Environment: "test", ContentType: contentType, Table: tier + "-jobs", ArtifactsBucket: tier + "-artifacts", Retry: contract.DefaultRetry(),
	}
	for name, url := range map[string]*string{tier + "-queue": &made.QueueURL, tier + "-dead": &made.DeadLetterQueueURL} {
		out := Call(t, sqs.NewFromConfig(cfg).CreateQueue, &sqs.CreateQueueInput{QueueName: &name, Attributes: queue})
		*url = *out.QueueUrl
	}
	CreateJobTable(t, dynamodb.NewFromConfig(cfg), made.Table)
	Call(t, s3.NewFromConfig(cfg).CreateBucket, &s3.CreateBucketInput{Bucket: &made.ArtifactsBucket})
	for parameter, value := range map[string]string{
		contract.TableParameter(tier, "test"):                 made.Table,
		contract.ArtifactsBucketParameter(tier, "test"):       made.ArtifactsBucket,
		contract.QueueURLParameter(tier, "test", contentType): made.QueueURL,
	} {
		Call(t, ssm.NewFromConfig(cfg).PutParameter, &ssm.PutParameterInput{Name: &parameter, Value: &value, Type: types.ParameterTypeString})
	}
	return made
}
