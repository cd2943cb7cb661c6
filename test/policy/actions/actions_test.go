package actions

import (
	"strings"
	"testing"
)

const root = "../../.."

// An operation that is an action needs no other name, and the other name must be an action.
func TestOtherNamesAreNeededAndExist(t *testing.T) {
	there, err := Known(root)
	if err != nil {
		t.Fatal(err)
	}
	for operation, action := range otherwiseNamed {
		if there[strings.ToLower(operation)] {
			t.Errorf("%s is an action itself, not %s", operation, action)
		}
		if !there[strings.ToLower(action)] {
			t.Errorf("%s: there is no action %s", operation, action)
		}
	}
}

// The way into the worker's source must find what everybody knows to be called there, each kind once: a method
// of a client, of an interface, a paginator, and a batch. What only operators call must not be among it.
func TestCallsAreFound(t *testing.T) {
	called, err := Called(root)
	if err != nil {
		t.Fatal(err)
	}
	for _, action := range []string{"dynamodb:UpdateItem", "autoscaling:CompleteLifecycleAction", "dynamodb:Query", "sqs:DeleteMessage"} {
		if called[action] == "" {
			t.Errorf("%s is not found", action)
		}
	}
	if place := called["ssm:GetParameters"]; place != "" {
		t.Errorf("ssm:GetParameters is an operator's, but is found at %s", place)
	}
}

func TestCalledActionsExist(t *testing.T) {
	there, err := Known(root)
	if err != nil {
		t.Fatal(err)
	}
	called, err := Called(root)
	if err != nil {
		t.Fatal(err)
	}
	for action, place := range called {
		if !there[strings.ToLower(action)] {
			t.Errorf("%s: there is no action %s: say in otherwiseNamed what allows the operation", place, action)
		}
	}
}
