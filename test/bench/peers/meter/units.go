package meter

import (
	"encoding/json"
	"strings"

	"github.com/worker-tier/worker-tier/worker/contract"
)

// item as the API writes it: attribute → type → value.
type item map[string]map[string]json.RawMessage

// size of an item in bytes, as far as the items here go: strings, numbers and booleans.
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/CapacityUnitCalculations.html
func (i item) size() int {
	n := 0
	for name, typed := range i {
		n += len(name)
		for kind, value := range typed {
			switch kind {
			case "S":
				var text string
				if json.Unmarshal(value, &text) == nil {
					n += len(text)
				}
			case "N":
				digits := strings.Trim(string(value), `"-`)
				n += (len(digits)+1)/2 + 1
			case "BOOL", "NULL":
				n++
			default:
				n += len(value)
			}
		}
	}
	return n
}

// readUnits of bytes read together: one for each started 4 KB, half of it where a read need not be consistent.
// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/read-write-operations.html
func readUnits(bytes int, consistent bool) float64 {
	units := float64(max(1, (bytes+4095)/4096))
	if consistent {
		return units
	}
	return units / 2
}

// writeUnits of a refused conditional write: it costs what the item that refused it weighs.
func writeUnits(bytes int) float64 { return float64(max(1, (bytes+1023)/1024)) }

// asked is the part of a request that decides what it costs.
type asked struct {
	Key            item
	ConsistentRead bool
	Select         string
	RequestItems   map[string]struct {
		Keys           []item
		ConsistentRead bool
	}
	ExpressionAttributeValues item
}

// answered is the part of an answer that does.
type answered struct {
	Item             item
	Items            []item
	ScannedCount     int
	Responses        map[string][]item
	ConsumedCapacity json.RawMessage
}

// cost is what a request to DynamoDB costs in read and write units. Writes are taken from the answer, which the
// local AWS computes as DynamoDB does (TestWriteUnits holds that); reads it does not compute from what is read.
func cost(operation string, status int, request, answer []byte) (reads, writes float64) {
	var q asked
	var a answered
	if json.Unmarshal(request, &q) != nil || json.Unmarshal(answer, &a) != nil {
		return 0, 0
	}
	switch operation {
	case "UpdateItem", "PutItem", "DeleteItem", "BatchWriteItem", "TransactWriteItems":
		if status != 200 {
			if strings.Contains(string(answer), "ConditionalCheckFailed") {
				return 0, writeUnits(a.Item.size())
			}
			return 0, 0
		}
		return 0, consumed(a.ConsumedCapacity)
	case "GetItem":
		return readUnits(a.Item.size(), q.ConsistentRead), 0
	case "BatchGetItem":
		for table, asked := range q.RequestItems {
			for _, i := range a.Responses[table] {
				reads += readUnits(i.size(), asked.ConsistentRead)
			}
			reads += float64(len(asked.Keys)-len(a.Responses[table])) * readUnits(0, asked.ConsistentRead)
		}
		return reads, 0
	case "Query", "Scan":
		bytes := 0
		for _, i := range a.Items {
			bytes += i.size()
		}
		if q.Select == "COUNT" {
			bytes = a.ScannedCount * EntrySize(q.ExpressionAttributeValues)
		}
		return readUnits(bytes, q.ConsistentRead), 0
	}
	return 0, 0
}

// IDLength is how long the ids of all jobs of the benchmark are: a count says how many entries it read, not how
// large they were.
const IDLength = 8

// EntrySize is the size of an entry of the due index in the partition that values ask for.
func EntrySize(values item) int {
	var partition string
	if json.Unmarshal(values[":p"]["S"], &partition) != nil {
		return 0
	}
	contentType, _, _ := strings.Cut(partition, "#")
	key := len(contract.AttrKey) + len(contentType) + 1 + IDLength
	index := len(contract.AttrDuePartition) + len(partition) + len(contract.AttrDueSort) + len(contract.DueReady) + 13
	return key + index
}

// consumed adds up ConsumedCapacity, which is a list in answers about several tables.
func consumed(raw json.RawMessage) float64 {
	type capacity struct{ CapacityUnits float64 }
	var one capacity
	if json.Unmarshal(raw, &one) == nil {
		return one.CapacityUnits
	}
	var several []capacity
	if json.Unmarshal(raw, &several) != nil {
		return 0
	}
	for _, c := range several {
		one.CapacityUnits += c.CapacityUnits
	}
	return one.CapacityUnits
}
