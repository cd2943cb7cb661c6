package vitals

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestLateIsWhoBreaksAPromise(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b Deadlines
		is := func(want string, by time.Duration) {
			t.Helper()
			if loop, late := b.Late(); loop != want || late != by {
				t.Errorf("late is %q by %s, want %q by %s", loop, late, want, by)
			}
		}
		is("", 0)
		b.Within("receive", 30*time.Second)
		b.Within("slot 0", time.Minute)
		time.Sleep(30 * time.Second)
		is("", 0)
		time.Sleep(10 * time.Second)
		is("receive", 10*time.Second)
		b.Within("receive", 30*time.Second)
		is("", 0)
		time.Sleep(50 * time.Second)
		is("slot 0", 30*time.Second)
		b.Rest("slot 0")
		is("receive", 20*time.Second)
	})
}
