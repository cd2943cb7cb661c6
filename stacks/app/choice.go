package main

import (
	"encoding/json"
	"fmt"
	"os"
)

// choice is what a user chooses with -c on the CDK's command line.
type choice struct {
	Environment string // env; default: the only one of the file
	Config      string // config; default: worker-tier.yaml
}

// choose reads the context as the CDK command line passes it: in CDK_CONTEXT_JSON, and what is too long
// for an environment variable in a file besides.
func choose(getenv func(string) string) (choice, error) {
	context := map[string]any{}
	if text := getenv("CDK_CONTEXT_JSON"); text != "" {
		if err := json.Unmarshal([]byte(text), &context); err != nil {
			return choice{}, fmt.Errorf("read the context in CDK_CONTEXT_JSON: %w", err)
		}
	}
	if file := getenv("CONTEXT_OVERFLOW_LOCATION_ENV"); file != "" {
		text, err := os.ReadFile(file)
		if err != nil {
			return choice{}, fmt.Errorf("read the rest of the context: %w", err)
		}
		if err := json.Unmarshal(text, &context); err != nil {
			return choice{}, fmt.Errorf("read the rest of the context in %s: %w", file, err)
		}
	}
	chosen := choice{Config: "worker-tier.yaml"}
	for key, value := range map[string]*string{"env": &chosen.Environment, "config": &chosen.Config} {
		switch given := context[key].(type) {
		case nil:
		case string:
			*value = given
		default:
			return choice{}, fmt.Errorf("context %s is %v: it must be a name, as in -c %s=…", key, given, key)
		}
	}
	return chosen, nil
}
