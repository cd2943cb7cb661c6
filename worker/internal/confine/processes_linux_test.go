package confine

import (
	"os"
	"slices"
	"testing"
)

func TestMembersAreTheGroupAndItsDescendants(t *testing.T) {
	all := map[int]process{
		1: {}, 10: {parent: 1, group: 10}, 11: {parent: 10, group: 10}, 12: {parent: 11, group: 12}, 13: {parent: 12, group: 12},
		14: {parent: 1, group: 10}, 20: {parent: 1, group: 20}, 21: {parent: 22, group: 21}, 22: {parent: 21, group: 22},
	}
	got := membersOf(all, 10)
	slices.Sort(got)
	if want := []int{10, 11, 12, 13, 14}; !slices.Equal(got, want) {
		t.Errorf("members %v, want %v", got, want)
	}
}

func TestOwnMemoryIsSeen(t *testing.T) {
	own, found := processes()[os.Getpid()]
	share, err := proportional(os.Getpid())
	if !found || own.parent != os.Getppid() || own.resident < 1<<20 || err != nil || share <= 0 || share > 2*own.resident {
		t.Errorf("own process %+v, proportional %d, error %v", own, share, err)
	}
	if machine := Machine(); machine < own.resident {
		t.Errorf("the machine has %d bytes, this process uses %d", machine, own.resident)
	}
}

func BenchmarkSnapshot(b *testing.B) {
	for b.Loop() {
		processes()
	}
}
