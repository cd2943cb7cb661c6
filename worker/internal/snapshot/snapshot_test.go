package snapshot

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/google/go-cmp/cmp"

	"github.com/worker-tier/worker-tier/test/localaws"
)

func TestMain(m *testing.M) { os.Exit(localaws.Shared(m)) }

// newBucket makes a bucket on the local AWS.
func newBucket(t *testing.T, name string) *Bucket {
	t.Helper()
	cfg := localaws.StartT(t).ConfigT(t)
	client := NewClient(cfg)
	localaws.Call(t, client.CreateBucket, &s3.CreateBucketInput{Bucket: &name})
	return NewBucket(client, name)
}

func seal(add ...func(*Pack)) *Pack {
	p := &Pack{}
	for _, f := range add {
		f(p)
	}
	p.Seal()
	return p
}

func file(path, content string) func(*Pack) {
	return func(p *Pack) {
		_, _, err := p.AddFile(Entry{Path: Path(path), Kind: File, Size: int64(len(content))}, 0, strings.NewReader(content))
		if err != nil {
			panic(err)
		}
	}
}

func write(t *testing.T, w *Writer, p *Pack) Counts {
	t.Helper()
	counts, err := w.Append(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	return counts
}

// finish writes the manifest and reads the snapshot back, as path and contents.
func finish(t *testing.T, b Objects, w *Writer, epoch int64) [][2]string {
	t.Helper()
	key, err := w.Finish(t.Context(), Manifest{Job: "j", Epoch: epoch, Source: json.RawMessage(`{}`)})
	if err != nil {
		t.Fatal(err)
	}
	got, err := readAll(t.Context(), b, key)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func readAll(ctx context.Context, b Objects, key string) ([][2]string, error) {
	s, err := Open(ctx, b, key)
	if err != nil {
		return nil, err
	}
	var got [][2]string
	for e, err := range s.Entries(ctx) {
		if err != nil {
			return nil, err
		}
		var content bytes.Buffer
		if err := s.Copy(ctx, &content, e); err != nil {
			return nil, err
		}
		got = append(got, [2]string{string(e.Path), content.String()})
	}
	return got, nil
}

func newWriter(t *testing.T, b Objects, at Position) *Writer {
	t.Helper()
	w, err := NewWriter(t.Context(), b, "backup", at)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func TestWhatIsWrittenIsRead(t *testing.T) {
	b := newBucket(t, "written")
	w := newWriter(t, b, Position{})
	write(t, w, seal(file("a", "alpha"), file("empty", ""), func(p *Pack) { p.Add(Entry{Path: "d/", Kind: Dir}, 0) }))
	write(t, w, seal(func(p *Pack) { p.Add(Entry{Path: "link", Kind: Symlink, Target: "\xff"}, 0) }))
	write(t, w, seal(file("not\xffutf8 <&>", "omega")))
	want := [][2]string{{"a", "alpha"}, {"empty", ""}, {"d/", ""}, {"link", ""}, {"not\xffutf8 <&>", "omega"}}
	if diff := cmp.Diff(want, finish(t, b, w, 3)); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(0, len(finish(t, b, newWriter(t, b, Position{}), 12))); diff != "" {
		t.Errorf("an empty snapshot: %s", diff)
	}
	key, err := Newest(t.Context(), b, "backup", "j")
	if want := "backup/snapshots/j/12.json"; key != want || err != nil {
		t.Errorf("Newest() = %s, %v; want %s", key, err, want)
	}
	if _, err := Newest(t.Context(), b, "backup", "k"); err == nil {
		t.Error("a job without a snapshot has a newest one")
	}
}

func TestFileInSeveralPacks(t *testing.T) {
	b := newBucket(t, "several")
	w := newWriter(t, b, Position{})
	content := strings.Repeat("0123456789abcdef", (2*MaxPack+100)/16)
	from := iotest.HalfReader(strings.NewReader(content))
	for offset, complete := int64(0), false; !complete; {
		p := &Pack{}
		var n int64
		var err error
		if n, complete, err = p.AddFile(Entry{Path: "big", Kind: File, Size: int64(len(content))}, offset, from); err != nil {
			t.Fatal(err)
		}
		if offset += n; !complete && !p.Full() {
			t.Fatal("a pack with room left ended in mid file")
		}
		if complete {
			file("small", "s")(p)
		}
		p.Seal()
		write(t, w, p)
	}
	if diff := cmp.Diff([][2]string{{"big", content}, {"small", "s"}}, finish(t, b, w, 1)); diff != "" {
		t.Error(diff[:min(len(diff), 500)])
	}
}

func TestSamePackIsNotSentAgain(t *testing.T) {
	b := newBucket(t, "same")
	first := write(t, newWriter(t, b, Position{}), seal(file("a", "alpha")))
	again := write(t, newWriter(t, b, Position{}), seal(file("b", "alpha"))) // contents count, not names
	if first.Uploaded == 0 || first.Reused != 0 || again.Uploaded != 0 || again.Reused != first.Uploaded {
		t.Errorf("first %+v, again %+v", first, again)
	}
}

func TestShortAndBrokenFiles(t *testing.T) {
	p := seal(file("before", "before"))
	if _, complete, err := p.AddFile(Entry{Path: "short", Size: 10}, 0, strings.NewReader("12345")); !complete || err != nil {
		t.Errorf("short: complete %v, %v", complete, err)
	}
	broken := errors.New("input/output error")
	from := io.MultiReader(strings.NewReader("123"), iotest.ErrReader(broken))
	if _, _, err := p.AddFile(Entry{Path: "broken", Size: 10}, 0, from); !errors.Is(err, broken) {
		t.Errorf("broken: %v", err)
	}
	if _, complete, err := p.AddFile(Entry{Path: "grown", Size: 3}, 0, strings.NewReader("12345")); !complete || err != nil {
		t.Errorf("grown: complete %v, %v", complete, err)
	}
	want := []piece{
		{Entry: Entry{Path: "before", Kind: File, Size: 6}, Length: 6},
		{Entry: Entry{Path: "short", Size: 10, Problem: "became shorter while it was read"}, At: 6, Length: 5},
		{Entry: Entry{Path: "grown", Size: 3}, At: 11, Length: 3},
	}
	if diff := cmp.Diff(want, p.pieces); diff != "" {
		t.Error(diff)
	}
	if c := p.counts(); c.Problems != 1 || c.Entries != 3 || c.Bytes != 14 || string(p.content) != "before12345123" {
		t.Errorf("counts %+v of %q", c, p.content)
	}
}

func TestDamageIsFound(t *testing.T) {
	for _, folder := range []string{"packs", "segments"} {
		t.Run(folder, func(t *testing.T) {
			b := newBucket(t, "damage-"+folder)
			w := newWriter(t, b, Position{})
			write(t, w, seal(file("a", "alpha")))
			key, err := w.Finish(t.Context(), Manifest{Job: "j", Epoch: 1, Source: json.RawMessage(`{}`)})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := readAll(t.Context(), b, key); err != nil {
				t.Fatal(err)
			}
			objects, err := b.List(t.Context(), "backup/"+folder+"/")
			if err != nil || len(objects) != 1 {
				t.Fatal(objects, err)
			}
			if err := b.Put(t.Context(), objects[0], []byte("something else")); err != nil {
				t.Fatal(err)
			}
			if _, err := readAll(t.Context(), b, key); err == nil || !strings.Contains(err.Error(), objects[0]+" is damaged") {
				t.Errorf("reading a damaged object: %v", err)
			}
		})
	}
}

// TestReusedObjectsAreVerified: what another program overwrote, with as many bytes, does not pass for what its name says.
func TestReusedObjectsAreVerified(t *testing.T) {
	for _, folder := range []string{"packs", "segments"} {
		t.Run(folder, func(t *testing.T) {
			b := newBucket(t, "altered-"+folder)
			content := strings.Repeat("alpha", 100)
			write(t, newWriter(t, b, Position{}), seal(file("a", content)))
			objects, err := b.List(t.Context(), "backup/"+folder+"/")
			if err != nil || len(objects) != 1 {
				t.Fatal(objects, err)
			}
			stored, err := b.Get(t.Context(), objects[0])
			if err != nil {
				t.Fatal(err)
			}
			for name, altered := range map[string][]byte{"zeros": make([]byte, len(stored)), "cut": stored[1:]} {
				if err := b.Put(t.Context(), objects[0], altered); err != nil {
					t.Fatal(err)
				}
				if _, err := newWriter(t, b, Position{}).Append(t.Context(), seal(file("a", content))); !errors.Is(err, ErrDiffers) {
					t.Errorf("%s: error %v, want that the object is not what its name says", name, err)
				}
			}
			if err := b.Put(t.Context(), objects[0], stored); err != nil {
				t.Fatal(err)
			}
			if _, err := newWriter(t, b, Position{}).Append(t.Context(), seal(file("a", content))); err != nil {
				t.Errorf("after it is right again: %v", err)
			}
		})
	}
}

// TestLargeObjectsAreSentOnce: what is there is not sent again, whatever its size.
func TestLargeObjectsAreSentOnce(t *testing.T) {
	b := newBucket(t, "once")
	for _, size := range []int{1, lookFirst} {
		body, key := make([]byte, size), fmt.Sprintf("backup/packs/%d", size)
		for i, want := range []bool{true, false} {
			if sent, err := b.PutOnce(t.Context(), key, body); err != nil || sent != want {
				t.Errorf("%d bytes, try %d: sent %t (want %t), error %v", size, i+1, sent, want, err)
			}
		}
		if _, err := b.PutOnce(t.Context(), key, append(body[1:len(body):len(body)], 1)); !errors.Is(err, ErrDiffers) {
			t.Errorf("%d bytes, others: %v", size, err)
		}
	}
}

func TestNewerFormatIsRefused(t *testing.T) {
	b := newBucket(t, "newer")
	if err := b.Put(t.Context(), "backup/snapshots/j/1.json", []byte(`{"format": 2}`)); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), b, "backup/snapshots/j/1.json"); err == nil || !strings.Contains(err.Error(), "format 2") {
		t.Errorf("Open: %v", err)
	}
}
