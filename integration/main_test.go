// Package integration holds the scenarios: ecmpd, FRR and BIRD in one network
// of namespaces, from packets to kernel routes and traffic.
//
// Every test makes a lab of its own. Tests that measure time or load do not
// call t.Parallel, so that nothing runs beside them; all others do.
package integration

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/ecmpd/ecmpd/lab"
)

// tag starts the names of all labs of this package.
const tag = "ec-int"

// TestMain builds these once, without the race detector: ecmpd under test, and
// the program at each end of a WireGuard tunnel.
var binary, wgtunnel string

func TestMain(m *testing.M) {
	flag.Parse()
	code, err := run(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func run(m *testing.M) (int, error) {
	if at := os.Getenv(echoAt); at != "" {
		return 0, echo(at)
	}
	// The labs wait for hellos and timers most of the time: more of them
	// fit beside each other than there are processors.
	if err := flag.Set("test.parallel", "4"); err != nil {
		return 1, err
	}
	if _, err := lab.SweepStale(tag); err != nil {
		return 1, err
	}
	dir, err := os.MkdirTemp("", tag+"-")
	if err != nil {
		return 1, err
	}
	defer os.RemoveAll(dir)
	binary, wgtunnel = filepath.Join(dir, "ecmpd"), filepath.Join(dir, "wgtunnel")
	if out, err := exec.Command("go", "build", "-o", dir, "../cmd/ecmpd", "./wgtunnel").CombinedOutput(); err != nil {
		return 1, fmt.Errorf("build ecmpd and wgtunnel: %w\n%s", err, out)
	}
	return m.Run(), nil
}
