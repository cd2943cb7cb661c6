package localec2

import (
	"archive/zip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/worker-tier/worker-tier/worker/contract"
)

// fetch unpacks the .zip at an S3 object into a folder. The object's name says its content (the CDK
// names assets by their hash), so each is downloaded once.
func (l *Launcher) fetch(ctx context.Context, object contract.Object, dir string) error {
	name := sha256.Sum256([]byte(object.Bucket + "/" + object.Key))
	cached := filepath.Join(l.options.Dir, "cache", hex.EncodeToString(name[:8])+".zip")
	if _, err := os.Stat(cached); err != nil {
		if err := l.download(ctx, object, cached); err != nil {
			return fmt.Errorf("download s3://%s/%s: %w", object.Bucket, object.Key, err)
		}
	}
	if err := unpack(cached, dir); err != nil {
		return fmt.Errorf("unpack s3://%s/%s: %w", object.Bucket, object.Key, err)
	}
	return nil
}

func (l *Launcher) download(ctx context.Context, object contract.Object, file string) error {
	got, err := l.s3.GetObject(ctx, &s3.GetObjectInput{Bucket: &object.Bucket, Key: &object.Key})
	if err != nil {
		return err
	}
	defer func() { _ = got.Body.Close() }()
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	part := file + ".part"
	if err := write(part, got.Body, 0o644); err != nil {
		return err
	}
	return os.Rename(part, file)
}

// unpack keeps what the script in user-data keeps of the modes.
func unpack(file, dir string) error {
	archive, err := zip.OpenReader(file)
	if err != nil {
		return err
	}
	defer func() { _ = archive.Close() }()
	for _, entry := range archive.File {
		if !filepath.IsLocal(entry.Name) {
			return fmt.Errorf("%q leaves the folder", entry.Name)
		}
		path := filepath.Join(dir, entry.Name)
		if entry.FileInfo().IsDir() {
			if err := os.MkdirAll(path, 0o755); err != nil {
				return err
			}
			continue
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		content, err := entry.Open()
		if err != nil {
			return err
		}
		err = write(path, content, entry.Mode().Perm()&0o755)
		_ = content.Close()
		if err != nil {
			return err
		}
	}
	return nil
}

func write(path string, content io.Reader, mode os.FileMode) error {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, mode)
	if err != nil {
		return err
	}
	if _, err := io.Copy(file, content); err != nil {
		_ = file.Close()
		return err
	}
	return file.Close()
}
