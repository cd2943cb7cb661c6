package metrics

import (
	"context"
	"log/slog"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"github.com/worker-tier/worker-tier/worker/contract"
	"github.com/worker-tier/worker-tier/worker/internal/lease"
)

// EMF logs what attempts came to in CloudWatch's embedded metric format: a line in the log group, from which CloudWatch makes
// metrics by content type. Job and tenant are properties of the line, to be queried, and no dimensions, which would cost a
// metric each.
// https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
type EMF struct {
	Log         *slog.Logger // writes JSON without groups
	Namespace   string       // see [contract.MetricNamespace]
	Environment string       // see [contract.MetricEnvironment]
	ContentType string
}

// The metrics, with a value for each attempt.
const (
	attemptSeconds = "AttemptSeconds" // from the claim to the end
	againSeconds   = "AgainSeconds"   // of that, what the next attempt does again
	units          = "Units"          // by which the job got on, of its own unit
)

// directives are what CloudWatch is told to make of a line.
type directives struct {
	Timestamp int64        // milliseconds since 1970
	Metrics   [1]directive `json:"CloudWatchMetrics"`
}

type directive struct {
	Namespace  string
	Dimensions [1][2]string
	Metrics    [3]definition
}

type definition struct {
	Name string
	Unit types.StandardUnit
}

// Ended logs what an attempt came to.
func (e *EMF) Ended(ctx context.Context, a lease.Account) {
	unit := types.StandardUnitCount
	if a.Unit == "bytes" {
		unit = types.StandardUnitBytes
	}
	metadata := directives{Timestamp: time.Now().UnixMilli(), Metrics: [1]directive{{
		Namespace: e.Namespace, Dimensions: [1][2]string{{contract.DimensionEnvironment, contract.DimensionContentType}},
		Metrics: [3]definition{
			{attemptSeconds, types.StandardUnitSeconds}, {againSeconds, types.StandardUnitSeconds}, {units, unit},
		},
	}}}
	e.Log.LogAttrs(ctx, slog.LevelInfo, "attempt ended", slog.Any("_aws", metadata),
		slog.String(contract.DimensionEnvironment, e.Environment), slog.String(contract.DimensionContentType, e.ContentType),
		slog.Float64(attemptSeconds, a.Lasted.Seconds()), slog.Float64(againSeconds, a.Again.Seconds()), slog.Int64(units, a.Units),
		slog.String("outcome", a.Outcome.String()), slog.String("unit", a.Unit),
		slog.String("job", a.Job.Key.String()), slog.String("tenant", a.Job.Tenant), slog.Int64("epoch", a.Job.Epoch))
}
