//go:build endpoints

package store_test

import (
	"testing"

	"github.com/worker-tier/worker-tier/test/endpoints"
)

func init() {
	implementations["DynamoDB Local"] = func(t *testing.T) table { return newDynamo(t, endpoints.DynamoDBLocal(t)) }
}
