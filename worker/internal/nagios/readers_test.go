//go:build readers

package nagios

import (
	"math"
	"os/exec"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestReaderIsThePluginsPerlLibrary: labels of any characters, and every range but those with @, which it does not know.
func TestReaderIsThePluginsPerlLibrary(t *testing.T) {
	const program = `for (Monitoring::Plugin::Performance->parse_perfstring($ARGV[0])) {
	printf "%s|%s|%s|%s|%s|%s|%s\n", $_->label, $_->value, $_->uom, $_->warning, $_->critical, $_->min // "", $_->max // "" }`
	metrics := []Metric{
		{Label: "age", Value: 90.5, Unit: "s", Warning: &Range{High: 60}, Critical: &Range{Low: math.Inf(-1), High: 600}, Min: new(0.0)},
		{Label: "a = 'b' | c", Value: -3, Critical: &Range{Low: 2, High: math.Inf(1)}, Max: new(10.0)},
		{Label: "/var/log", Value: 99, Unit: "%", Warning: &Range{Low: 10, High: 20}},
	}
	_, perfdata, _ := strings.Cut(Line("it", OK, "fine", metrics), "|")
	read, err := exec.CommandContext(t.Context(), "perl", "-MMonitoring::Plugin::Performance", "-e", program, perfdata).CombinedOutput()
	if err != nil && strings.Contains(string(read), "Can't locate Monitoring/Plugin/Performance.pm") {
		t.Fatal("Monitoring::Plugin is not installed: run test/packages.sh readers, or install libmonitoring-plugin-perl")
	}
	want := "age|90.5|s|60|~:600|0|\na _ _b_ / c|-3|||2:||10\n/var/log|99|%|10:20|||\n"
	if diff := cmp.Diff(want, string(read)); diff != "" || err != nil {
		t.Errorf("%s is read as (-want +got), %v:\n%s", perfdata, err, diff)
	}
}
