package sweep

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/worker-tier/worker-tier/worker/contract"
	"github.com/worker-tier/worker-tier/worker/internal/job"
	"github.com/worker-tier/worker-tier/worker/internal/slot/protocol"
)

const (
	// reportLife is how long a report of a sick or a well instance counts. A sick one reports each minute, and the
	// workers of the others answer within a sweep and a minute.
	reportLife = 4 * time.Minute
	// replacedApart is the least time between two replacements of sick instances of a content type.
	replacedApart = 15 * time.Minute
	// replacedAlone is that time if no other instance is known to be well: the whole group may be sick, by a bad release.
	replacedAlone = 24 * time.Hour
)

// sickness is what a worker on a sick instance knows of the others of its content type.
type sickness struct {
	known bool
	wells int64         // reports of well instances, ever
	well  time.Duration // when it last grew, monotonic; 0: it has not
}

// ReportSick notes in the control item that this worker's instance is sick, for operators and for the other workers.
// It and [Sweeper.GrantReplacement] are called by one loop.
func (s *Sweeper) ReportSick(ctx context.Context, reason string) error {
	item, err := s.Store.Write(ctx, job.Write{Op: "report sick", Key: ControlKey(s.ContentType), Set: job.Item{
		contract.AttrSickAt: s.Clock.Now().UnixMilli(), contract.AttrSickWorker: s.Worker, contract.AttrSickReason: protocol.Brief(reason),
	}})
	if err != nil {
		return fmt.Errorf("report that the instance is sick: %w", err)
	}
	wells, _ := item[contract.AttrWells].(int64)
	if s.sickness.known && wells != s.sickness.wells {
		s.sickness.well = s.Clock.Monotonic()
	}
	s.sickness.known, s.sickness.wells = true, wells
	return nil
}

// ReportWell answers in the control item that this worker's instance is well.
func (s *Sweeper) ReportWell(ctx context.Context) error {
	_, err := s.Store.Write(ctx, job.Write{Op: "report well", Key: ControlKey(s.ContentType), Add: map[string]int64{contract.AttrWells: 1}, Unread: true})
	return err
}

// GrantReplacement has the control item grant that this instance is replaced because it is sick. An error says why it is
// not granted, or that the table did not answer.
func (s *Sweeper) GrantReplacement(ctx context.Context) error {
	key := ControlKey(s.ContentType)
	item, err := s.Store.Get(ctx, key)
	if err != nil {
		return fmt.Errorf("ask for a replacement: %w", err)
	}
	apart, why := replacedAlone, "no other instance is known to be well"
	if s.sickness.well > 0 && s.Clock.Monotonic()-s.sickness.well < reportLife {
		apart, why = replacedApart, "there are others that are well"
	}
	now := s.Clock.Now()
	cond := job.Cond{Attr: contract.AttrReplacedAt, Op: job.Absent}
	if last, ok := item[contract.AttrReplacedAt].(int64); ok {
		if ago := now.Sub(time.UnixMilli(last)); ago < apart {
			return fmt.Errorf("not replaced: another sick instance was, %s ago; %s, so that the next is %s later", ago.Round(time.Second), why, apart)
		}
		cond = job.Cond{Attr: contract.AttrReplacedAt, Op: job.Equal, Value: last}
	}
	w := job.Write{Op: "grant replacement", Key: key, If: []job.Cond{cond}, Set: job.Item{contract.AttrReplacedAt: now.UnixMilli(), contract.AttrReplacedFor: s.Worker}}
	_, err = s.Store.Write(ctx, w)
	refused, ok := errors.AsType[*job.RefusedError](err)
	switch {
	case ok && w.Left(refused.Current): // our own, its answer was lost
		return nil
	case ok:
		return errors.New("not replaced: another sick instance is")
	case err != nil:
		return fmt.Errorf("ask for a replacement: %w", err)
	}
	return nil
}

// Sick reads from a control item which instance last reported that it is sick, and why. It returns "" if none did of late.
func Sick(control job.Item, now time.Time) (instance, reason string) {
	at, _ := control[contract.AttrSickAt].(int64)
	if now.Sub(time.UnixMilli(at)).Abs() > reportLife {
		return "", ""
	}
	worker, _ := control[contract.AttrSickWorker].(string)
	reason, _ = control[contract.AttrSickReason].(string)
	instance, _, _ = strings.Cut(worker, "/")
	return instance, reason
}

// look takes note of what a control item says beside who leads.
func (s *Sweeper) look(control job.Item) {
	s.paused = Paused(control)
	at, _ := control[contract.AttrSickAt].(int64)
	s.othersSick = at != s.sickAt && control[contract.AttrSickWorker] != s.Worker
	s.sickAt = at
}
