package worker

import (
	"strconv"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/worker-tier/worker-tier/test/localaws"
	"github.com/worker-tier/worker-tier/worker/contract"
)

// item is an item of the table.
type item = map[string]types.AttributeValue

// edit changes an item of the table behind everybody's back, as another release or a broken worker may have left it.
func (tr *tier) edit(key string, set item) {
	tr.t.Helper()
	update := make(map[string]types.AttributeValueUpdate, len(set))
	for name, value := range set {
		update[name] = types.AttributeValueUpdate{Value: value}
	}
	localaws.Call(tr.t, tr.table.UpdateItem, &dynamodb.UpdateItemInput{TableName: &tr.settings.Table, Key: keyOf(key), AttributeUpdates: update})
}

// item reads an item of the table as it is.
func (tr *tier) item(key string) item {
	tr.t.Helper()
	out := localaws.Call(tr.t, tr.table.GetItem, &dynamodb.GetItemInput{TableName: &tr.settings.Table, Key: keyOf(key), ConsistentRead: new(true)})
	return out.Item
}

func keyOf(key string) item {
	return item{contract.AttrKey: text(key)}
}

func text(s string) types.AttributeValue { return &types.AttributeValueMemberS{Value: s} }

func number(n int64) types.AttributeValue {
	return &types.AttributeValueMemberN{Value: strconv.FormatInt(n, 10)}
}

// numberOf is a number of an item; 0: there is none.
func numberOf(v types.AttributeValue) int64 {
	n, ok := v.(*types.AttributeValueMemberN)
	if !ok {
		return 0
	}
	out, _ := strconv.ParseInt(n.Value, 10, 64) // the table's numbers are whole
	return out
}
