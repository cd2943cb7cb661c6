package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/worker-tier/worker-tier/test/chaos/oracle"
	"github.com/worker-tier/worker-tier/test/outputs"
	"github.com/worker-tier/worker-tier/worker/contract"
)

// ended reads every submitted job from the table, and its output.
func (c *chaos) ended(ctx context.Context) ([]oracle.Ended, error) {
	var out []oracle.Ended
	for _, s := range c.jobs.list() {
		item, err := c.item(ctx, s.key())
		if err != nil {
			return nil, err
		}
		e := oracle.Ended{Job: s.key(), Item: item}
		if item[contract.AttrState] == "DONE" {
			cursor, _ := item[contract.AttrCursor].(string)
			err := c.verify(ctx, s, cursor)
			if missing := (*s3types.NoSuchKey)(nil); errors.As(err, &missing) || errors.Is(err, fs.ErrNotExist) {
				e.Missing = err
			} else {
				e.Corrupt = err
			}
		}
		out = append(out, e)
	}
	return out, nil
}

// item reads a job's item as it is in the table; nil: there is none.
func (c *chaos) item(ctx context.Context, key string) (oracle.Item, error) {
	got, err := c.tier.Jobs.GetItem(ctx, &dynamodb.GetItemInput{
		TableName: &c.tier.Table, ConsistentRead: new(true),
		Key: map[string]types.AttributeValue{contract.AttrKey: &types.AttributeValueMemberS{Value: key}},
	})
	if err != nil || got.Item == nil {
		return nil, err
	}
	out := oracle.Item{}
	for name, v := range got.Item {
		switch v := v.(type) {
		case *types.AttributeValueMemberS:
			out[name] = v.Value
		case *types.AttributeValueMemberBOOL:
			out[name] = v.Value
		case *types.AttributeValueMemberN:
			if out[name], err = strconv.ParseInt(v.Value, 10, 64); err != nil {
				return nil, fmt.Errorf("%s of %s: %w", name, key, err)
			}
		}
	}
	return out, nil
}

// verify compares the output of a finished job, which its last cursor names, with its input.
func (c *chaos) verify(ctx context.Context, s *submitted, lastCursor string) error {
	switch s.contentType {
	case "backup":
		snapshot, err := c.tier.Artifacts.Open(ctx, lastCursor)
		if err != nil {
			return err
		}
		_, err = c.tier.Artifacts.Verify(ctx, snapshot, s.folder)
		return err
	case "inventory":
		_, err := outputs.VerifyInventory(lastCursor, c.jobs.output(s), s.folder)
		return err
	}
	if s.contentType == "downstream" {
		return verifySteps(lastCursor)
	}
	return verifyChain(lastCursor, s.id)
}

// downstreamSteps is how many steps downstream/work.sh takes. Its last cursor is their number.
const downstreamSteps = 30

func verifySteps(lastCursor string) error {
	if lastCursor != strconv.Itoa(downstreamSteps) {
		return fmt.Errorf("the last cursor is %q, want %d", lastCursor, downstreamSteps)
	}
	return nil
}

// verifyChain hashes again what a chain has hashed.
func verifyChain(lastCursor, word string) error {
	var got struct {
		Links int64  `json:"links"`
		Hash  string `json:"hash"`
	}
	if err := json.Unmarshal([]byte(lastCursor), &got); err != nil {
		return fmt.Errorf("cursor %q: %w", lastCursor, err)
	}
	want := ""
	for range chainLinks {
		sum := sha256.Sum256([]byte(word + want))
		want = hex.EncodeToString(sum[:])
	}
	if got.Links != chainLinks || got.Hash != want {
		return fmt.Errorf("%d links end in %s, want %d that end in %s", got.Links, got.Hash, chainLinks, want)
	}
	return nil
}
