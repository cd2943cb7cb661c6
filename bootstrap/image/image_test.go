package image

import "testing"

// What user-data calls must be in every image.
func TestListHoldsWhatUserDataCalls(t *testing.T) {
	list := Contents()
	held := map[string]bool{}
	for _, c := range list.Contents {
		held[c.Command] = true
		if c.What == "" || len(c.Debian)+len(c.Amazon) == 0 {
			t.Errorf("%+v: without a name or a package", c)
		}
	}
	for _, command := range []string{"bash", "sha256sum", "python3", "curl", "aws", "systemctl"} {
		if !held[command] {
			t.Errorf("no entry for the command %s", command)
		}
	}
	if list.Chef == "" {
		t.Error("no version of Chef")
	}
}
