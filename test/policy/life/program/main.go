// Command program is the program of a content type with what a user may grant it: it uses each grant once,
// and then takes its time with the signal to stop.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"github.com/worker-tier/worker-tier/worker/contract"
)

const (
	again = 75 // EX_TEMPFAIL
	// checkpointTime is longer than the tier lets pass between two checkpoints.
	checkpointTime = time.Second
)

// job is what the program looks at of its job.
type job struct {
	ID      string
	Payload struct {
		Secret, Parameter string
		Wait              string // until the signal to stop, and then for how long
	}
}

func main() {
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM)
	var j job
	var cursor *string
	if err := read(os.Getenv("WORKER_JOB_FILE"), &j); err != nil {
		log.Fatal(err)
	}
	if err := read(os.Getenv("WORKER_CURSOR_FILE"), &cursor); err != nil {
		log.Fatal(err)
	}
	if cursor != nil {
		return // resumed: nothing is left to do
	}
	if err := useGrants(context.Background(), j); err != nil {
		log.Fatal(err)
	}
	for n := range 2 { // the second checkpoint replaces what the first put beside the table
		time.Sleep(checkpointTime)
		cursor := fmt.Sprint(n) + strings.Repeat(" too large for the table", 1000)
		if err := report(fmt.Sprintf(`{"cursor": %q, "done": %d, "total": 3, "unit": "steps"}`, cursor, n+1)); err != nil {
			log.Fatal(err)
		}
	}
	if j.Payload.Wait == "" {
		return
	}
	wait, err := time.ParseDuration(j.Payload.Wait)
	if err != nil {
		log.Fatal(err)
	}
	<-stop
	time.Sleep(wait)
	os.Exit(again)
}

func useGrants(ctx context.Context, j job) error {
	cfg, err := config.LoadDefaultConfig(ctx)
	if err != nil {
		return err
	}
	if _, err := secretsmanager.NewFromConfig(cfg).GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: &j.Payload.Secret}); err != nil {
		return err
	}
	if _, err := ssm.NewFromConfig(cfg).GetParameter(ctx, &ssm.GetParameterInput{Name: &j.Payload.Parameter}); err != nil {
		return err
	}
	objects, bucket, key := s3.NewFromConfig(cfg), os.Getenv(contract.EnvArtifactsBucket), os.Getenv(contract.EnvContentType)+"/"+j.ID
	_, err = objects.PutObject(ctx, &s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: bytes.NewReader([]byte(j.ID))})
	if err != nil {
		return err
	}
	return upload(ctx, objects, bucket, key+".parts", []byte(j.ID))
}

// upload writes an object in parts, as a processor's Artifacts do: which parts there are S3 says.
func upload(ctx context.Context, objects *s3.Client, bucket, key string, body []byte) error {
	begun, err := objects.CreateMultipartUpload(ctx, &s3.CreateMultipartUploadInput{Bucket: &bucket, Key: &key})
	if err != nil {
		return err
	}
	if _, err := objects.UploadPart(ctx, &s3.UploadPartInput{Bucket: &bucket, Key: &key, UploadId: begun.UploadId, PartNumber: new(int32(1)), Body: bytes.NewReader(body)}); err != nil {
		return err
	}
	parts, err := objects.ListParts(ctx, &s3.ListPartsInput{Bucket: &bucket, Key: &key, UploadId: begun.UploadId})
	if err != nil {
		return err
	}
	var all []types.CompletedPart
	for _, p := range parts.Parts {
		all = append(all, types.CompletedPart{PartNumber: p.PartNumber, ETag: p.ETag})
	}
	_, err = objects.CompleteMultipartUpload(ctx, &s3.CompleteMultipartUploadInput{
		Bucket: &bucket, Key: &key, UploadId: begun.UploadId, MultipartUpload: &types.CompletedMultipartUpload{Parts: all}, IfNoneMatch: new("*"),
	})
	return err
}

func read(file string, into any) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	return json.Unmarshal(text, into)
}

func report(line string) error {
	fd, err := strconv.Atoi(os.Getenv("WORKER_REPORT_FD"))
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(os.NewFile(uintptr(fd), "reports"), line)
	return err
}
