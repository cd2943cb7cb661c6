// Command program is what the jobs of make test-aws run, under the role of their instance: it asks the index of
// the job table for what its payload names, and then takes its time, with a checkpoint each second.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/worker-tier/worker-tier/worker/contract"
)

// What the program ends with, of sysexits.h.
const (
	badJob = 65 // the job is DEAD, with the last line as its reason
	again  = 75
)

// job is what the program looks at of its job.
type job struct {
	Payload struct {
		Seconds   int    // to take
		Partition string // of the index, to be asked for; "": none
		Denied    bool   // the role must not be allowed to
	}
}

func main() {
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM)
	var j job
	var done *int
	if err := errors.Join(read("WORKER_JOB_FILE", &j), read("WORKER_CURSOR_FILE", &done)); err != nil {
		end(again, err)
	}
	if j.Payload.Partition != "" {
		if err := ask(context.Background(), j.Payload.Partition, j.Payload.Denied); err != nil {
			end(badJob, err)
		}
	}
	if done == nil {
		done = new(0)
	}
	for ; *done < j.Payload.Seconds; *done++ {
		if err := report(*done, j.Payload.Seconds); err != nil {
			end(again, err)
		}
		select {
		case <-stop:
			os.Exit(again)
		case <-time.After(time.Second):
		}
	}
}

// ask queries one partition of the index, and compares the answer with what the role grants.
func ask(ctx context.Context, partition string, denied bool) error {
	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return err
	}
	table := os.Getenv(contract.EnvTable)
	_, err = dynamodb.NewFromConfig(cfg).Query(ctx, &dynamodb.QueryInput{
		TableName: &table, IndexName: new(contract.DueIndex), KeyConditionExpression: new("#p = :p"),
		ExpressionAttributeNames:  map[string]string{"#p": contract.AttrDuePartition},
		ExpressionAttributeValues: map[string]types.AttributeValue{":p": &types.AttributeValueMemberS{Value: partition}},
	})
	// DynamoDB says AccessDeniedException with status 400.
	// https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html
	var api interface{ ErrorCode() string }
	var response *awshttp.ResponseError
	refused := errors.As(err, &api) && api.ErrorCode() == "AccessDeniedException" ||
		errors.As(err, &response) && response.HTTPStatusCode() == http.StatusForbidden
	switch {
	case denied && err == nil:
		return fmt.Errorf("the role may query partition %s of the index, which is another content type's", partition)
	case denied && refused:
		return nil
	}
	return err
}

func read(variable string, into any) error {
	text, err := os.ReadFile(os.Getenv(variable))
	if err != nil {
		return err
	}
	return json.Unmarshal(text, into)
}

func report(done, total int) error {
	fd, err := strconv.Atoi(os.Getenv("WORKER_REPORT_FD"))
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(os.NewFile(uintptr(fd), "reports"), `{"cursor": %d, "done": %d, "total": %d, "unit": "s"}`+"\n", done, done, total)
	return err
}

func end(status int, err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(status)
}
