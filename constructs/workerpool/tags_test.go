package workerpool

import "testing"

// The keys that EC2 takes on an instance whose tags are in its metadata, by the page that OnInstances names.
func TestOnInstances(t *testing.T) {
	for key, want := range map[string]bool{
		"owner": true, "cost-center": true, "acme:owner": true, "a+b=c.d,e_f@g": true, "_index-": true, "...": true,
		"cost center": false, "acme/owner": false, ".": false, "..": false, "_index": false, "größe": false, "": false,
	} {
		if got := OnInstances(key); got != want {
			t.Errorf("%q: %t, want %t", key, got, want)
		}
	}
}
