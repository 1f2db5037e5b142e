package daemon

import (
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ecmpd/ecmpd/config"
)

// A part that fails must not leave neighbours with half a router: the daemon
// ends with the reason, and says good-bye first.
func TestFailureLeavesTheNetwork(t *testing.T) {
	inNamespace(t)
	dir := t.TempDir()
	file := filepath.Join(dir, "ecmpd.yaml")
	text := "router-id: 10.0.0.1\nospf:\n  areas:\n    - area-id: 0.0.0.0\n      interfaces:\n        - match: lo\n          passive: true\n"
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	cfg, err := config.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	d := newDaemon(Options{ConfigPath: file, StateDir: dir}, cfg, newLogger(io.Discard))
	if err := d.build(cfg); err != nil {
		t.Fatal(err)
	}
	defer d.routes.close()
	defer d.firewall.close()
	err = d.serve(context.Background(), func(context.Context) error { return errors.New("the socket broke") })
	if err == nil || !strings.Contains(err.Error(), "API: the socket broke") {
		t.Errorf("the daemon ended with %v", err)
	}
	select {
	case <-d.flushed:
	default:
		t.Error("the daemon ended without leaving the network")
	}
}
