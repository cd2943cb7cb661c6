package confine

import "testing"

func TestShare(t *testing.T) {
	const mebibyte, gibibyte = 1 << 20, 1 << 30
	for _, test := range []struct {
		machine int64
		slots   int
		want    int64
	}{
		{8 * gibibyte, 2, (8*gibibyte - 8*gibibyte/10) / 2},
		{gibibyte, 1, 768 * mebibyte},       // a tenth is too little for the system
		{400 * mebibyte, 2, 100 * mebibyte}, // and 256 MiB too much
		{0, 4, 0},                           // unknown: no limit
	} {
		if got := Share(test.machine, test.slots); got != test.want {
			t.Errorf("Share(%d, %d) = %d, want %d", test.machine, test.slots, got, test.want)
		}
	}
}

func TestMemoryErrorSaysWhatToDo(t *testing.T) {
	const want = "it used 2.10 GiB of memory, its limit is 512 MiB: lower processesPerInstance, raise memoryPerProcess or take a larger instance type"
	if got := (&MemoryError{Used: 2254857830, Limit: 512 << 20}).Error(); got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
