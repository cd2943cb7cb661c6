//go:build endpoints

package queue_test

import (
	"testing"
	"time"

	"github.com/worker-tier/worker-tier/test/endpoints"
)

func init() {
	implementations["ElasticMQ"] = func(t *testing.T, visibility time.Duration) fixture {
		return newSQS(t, endpoints.ElasticMQ(t), visibility)
	}
}
