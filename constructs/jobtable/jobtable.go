// Package jobtable defines the DynamoDB table that holds every job of a tier: the truth of which
// messages are only the doorbell.
package jobtable

import (
	"github.com/aws/aws-cdk-go/awscdk/v2"
	"github.com/aws/aws-cdk-go/awscdk/v2/awsdynamodb"
	"github.com/aws/constructs-go/constructs/v10"

	"github.com/worker-tier/worker-tier/worker/contract"
)

// Props configure a [JobTable].
type Props struct {
	// Disposable says that the table may be destroyed with its stack. Default: it is retained and
	// protected against deletion.
	Disposable bool
}

// JobTable is the table of all content types' jobs with its index of jobs that need attention.
type JobTable struct {
	constructs.Construct
	Table awsdynamodb.TableV2
}

// New defines the table: on demand, point-in-time recovery, encrypted with DynamoDB's own key, items
// removed some time after their [contract.AttrTTL].
func New(scope constructs.Construct, id string, props Props) *JobTable {
	this := constructs.NewConstruct(scope, &id)
	removal := awscdk.RemovalPolicy_RETAIN_ON_UPDATE_OR_DELETE
	if props.Disposable {
		removal = awscdk.RemovalPolicy_DESTROY
	}
	table := awsdynamodb.NewTableV2(this, new("Table"), &awsdynamodb.TablePropsV2{
		PartitionKey: text(contract.AttrKey),
		GlobalSecondaryIndexes: &[]*awsdynamodb.GlobalSecondaryIndexPropsV2{{
			IndexName:      new(contract.DueIndex),
			PartitionKey:   text(contract.AttrDuePartition),
			SortKey:        text(contract.AttrDueSort),
			ProjectionType: awsdynamodb.ProjectionType_KEYS_ONLY,
		}},
		TimeToLiveAttribute: new(contract.AttrTTL),
		PointInTimeRecoverySpecification: &awsdynamodb.PointInTimeRecoverySpecification{
			PointInTimeRecoveryEnabled: new(true),
		},
		DeletionProtection: new(!props.Disposable),
		RemovalPolicy:      removal,
	})
	return &JobTable{Construct: this, Table: table}
}

func text(name string) *awsdynamodb.Attribute {
	return &awsdynamodb.Attribute{Name: &name, Type: awsdynamodb.AttributeType_STRING}
}
