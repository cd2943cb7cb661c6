package twin

import (
	"fmt"
	"slices"

	"github.com/worker-tier/worker-tier/tierspec"
)

// Repeat gives a tier n content types: its own ones and as many renamed copies of them as it takes.
func Repeat(tier *tierspec.Tier, n int) {
	own := slices.Clone(tier.ContentTypes)
	tier.ContentTypes = nil
	for i := range n {
		t := own[i%len(own)]
		if i >= len(own) {
			t.Name = fmt.Sprintf("%s-%d", t.Name, i/len(own)+1)
		}
		tier.ContentTypes = append(tier.ContentTypes, t)
	}
}
