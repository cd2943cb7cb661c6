package worker

import (
	"flag"
	"os"
	"testing"

	"github.com/worker-tier/worker-tier/test/localaws"
)

// atOnce is how many of the tests run at once: they wait more than they compute.
const atOnce = "8"

func TestMain(m *testing.M) {
	if err := flag.Set("test.parallel", atOnce); err != nil { // a flag of the command line comes after this and wins
		panic(err)
	}
	heedSignals()
	os.Exit(localaws.SharedWith(m, "../../worker", &binary))
}
