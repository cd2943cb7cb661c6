package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"
)

// cliContext is what the CDK command line hands to the program it runs, whatever the project.
const cliContext = `{"aws:cdk:enable-path-metadata":true,"aws:cdk:enable-asset-metadata":true,"aws:cdk:version-reporting":true,"aws:cdk:bundling-stacks":["**"]}`

// command is a program, started as the CDK command line would start it.
type command struct {
	args []string
	env  []string
	out  string // folder of the cloud assembly
}

func (c command) exec(ctx context.Context) *exec.Cmd {
	cmd := exec.CommandContext(ctx, c.args[0], c.args[1:]...)
	cmd.Env = append(os.Environ(),
		"CDK_OUTDIR="+c.out, "CDK_CONTEXT_JSON="+cliContext, "CDK_CLI_ASM_VERSION=55.0.0", "CDK_CLI_VERSION=2.1148.1",
		"JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION=1", "JSII_DEPRECATED=quiet", "NODE_NO_WARNINGS=1")
	cmd.Env = append(cmd.Env, c.env...)
	return cmd
}

// cost is what one run took, in seconds.
type cost struct{ wall, cpu float64 }

func (c command) run(ctx context.Context) (cost, error) {
	cmd := c.exec(ctx)
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	start := time.Now()
	if err := cmd.Run(); err != nil {
		return cost{}, fmt.Errorf("run %s: %w\n%s", c.args[0], err, strings.TrimSpace(said.String()))
	}
	wall := time.Since(start)
	// Of children too, once they are waited for: the CDK's Node process counts.
	cpu := cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	return cost{wall.Seconds(), cpu.Seconds()}, nil
}

// countMessages counts the requests that the jsii runtime of Go logs under JSII_DEBUG.
func (c command) countMessages(ctx context.Context) (int, error) {
	cmd := c.exec(ctx)
	stderr, err := cmd.StderrPipe()
	if err != nil {
		return 0, err
	}
	if err := cmd.Start(); err != nil {
		return 0, fmt.Errorf("run %s: %w", c.args[0], err)
	}
	count := 0
	for lines := bufio.NewReader(stderr); ; {
		line, err := lines.ReadString('\n')
		if strings.HasPrefix(line, `> {"api":`) {
			count++
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			return 0, fmt.Errorf("read the log of %s: %w", c.args[0], err)
		}
	}
	if err := cmd.Wait(); err != nil {
		return 0, fmt.Errorf("run %s: %w", c.args[0], err)
	}
	if count == 0 {
		return 0, fmt.Errorf("%s logged no jsii messages", c.args[0])
	}
	return count, nil
}

type samples []float64

func (s samples) median() float64 {
	sorted := slices.Sorted(slices.Values(s))
	if n := len(sorted); n%2 == 0 {
		return (sorted[n/2-1] + sorted[n/2]) / 2
	}
	return sorted[len(sorted)/2]
}

// ratios are those of each pair.
func ratios(a, b samples) samples {
	all := make(samples, len(a))
	for i := range a {
		all[i] = a[i] / b[i]
	}
	return all
}

// costs are those of all rounds.
type costs struct{ wall, cpu samples }

func (c costs) String() string {
	show := func(s samples) string {
		return fmt.Sprintf("%.2f s [%.2f, %.2f]", s.median(), slices.Min(s), slices.Max(s))
	}
	return show(c.wall) + " elapsed, " + show(c.cpu) + " of processors"
}

func (c *costs) add(one cost) {
	c.wall, c.cpu = append(c.wall, one.wall), append(c.cpu, one.cpu)
}
