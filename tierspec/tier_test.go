package tierspec

import (
	"testing"
	"time"

	"github.com/worker-tier/worker-tier/worker/contract"
)

func TestChefServerHasNames(t *testing.T) {
	for server, want := range map[ChefServer][2]string{
		{URL: "https://chef.example.com", Organization: "acme"}: {"https://chef.example.com/organizations/acme", "acme-validator"},
		{URL: "https://chef.example.com:4545"}:                  {"https://chef.example.com:4545", "chef-validator"},
	} {
		if got := [2]string{server.Address(), server.Validator()}; got != want {
			t.Errorf("%+v: address and validator %q, want %q", server, got, want)
		}
	}
}

func TestListen(t *testing.T) {
	for want, c := range map[string]ContentType{
		"":               {Inbound: []Inbound{{Port: 9100}}},
		"127.0.0.1:9464": {Watch: Watch{Port: 9464}, Inbound: []Inbound{{Port: 9100}}},
		"0.0.0.0:9100":   {Watch: Watch{Port: 9100}, Inbound: []Inbound{{Port: 22}, {Port: 9100}}},
	} {
		if got := c.Listen(); got != want {
			t.Errorf("port %d, %v let in: it listens at %q, want %q", c.Watch.Port, c.Inbound, got, want)
		}
	}
}

func TestHooksOutlastWhatTheyWaitFor(t *testing.T) {
	c := ContentType{Job: contract.Timing{DrainBudget: 1500 * time.Millisecond}}
	if got, want := c.TerminationHookTimeout(), 32*time.Second; got != want {
		t.Errorf("termination hook waits %s, want %s", got, want)
	}
	b := Boot{Timeout: 10*time.Minute + time.Millisecond, KeepFailed: 15 * time.Minute}
	if got, want := b.LaunchHookTimeout(), 27*time.Minute+time.Second; got != want {
		t.Errorf("launch hook waits %s, want %s", got, want)
	}
}

func TestLowestMin(t *testing.T) {
	c := ContentType{MinCapacity: 2, Schedule: []Schedule{{Min: new(5)}, {Max: new(1)}, {Min: new(1)}}}
	if got := c.LowestMin(); got != 1 {
		t.Errorf("lowest minimum %d, want the schedule's 1", got)
	}
}
