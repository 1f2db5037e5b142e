package daemon

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/ecmpd/ecmpd/config"
	"github.com/ecmpd/ecmpd/firewall/firewalld"
)

// The loop keeps the policy of the configuration, brings it back after firewalld has written
// rules without it, and removes it with the key or mode off; a daemon that made none asks nobody.
func TestFirewalldZones(t *testing.T) {
	t.Parallel()
	script, err := os.ReadFile("../firewall/firewalld/testdata/firewall-cmd")
	if err != nil {
		t.Fatal(err)
	}
	home, state := t.TempDir(), t.TempDir()
	policy := filepath.Join(home, "running", "ecmpd.xml")
	for _, dir := range []string{"saved", "running"} {
		if err := os.Mkdir(filepath.Join(home, dir), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	command := filepath.Join(home, "firewall-cmd")
	if err := os.WriteFile(command, script, 0o700); err != nil {
		t.Fatal(err)
	}

	l := newFirewalldLoop(newLogger(io.Discard), state)
	l.client = firewalld.New(command)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- l.run(ctx) }()
	marked := func() bool { _, err := os.Stat(filepath.Join(state, firewalldFile)); return err == nil }
	await := func(what string, done func() bool) {
		t.Helper()
		for begin := time.Now(); !done(); time.Sleep(10 * time.Millisecond) {
			if time.Since(begin) > time.Minute {
				t.Fatalf("not in a minute: %s", what)
			}
		}
	}
	accepts := func() bool {
		text, err := os.ReadFile(policy)
		return err == nil && bytes.Contains(text, []byte(`ingress-zone name="vpn"`)) && marked()
	}

	cfg := &config.Config{Transit: config.Transit{Mode: config.TransitNotrack, FirewalldZones: []string{"vpn"}}}
	l.inbox.put(firewalldZones(cfg))
	await("the policy", accepts)
	for _, dir := range []string{"saved", "running"} {
		if err := os.Remove(filepath.Join(home, dir, "ecmpd.xml")); err != nil {
			t.Fatal(err)
		}
	}
	l.inbox.put(lookAtFirewalld{})
	await("the policy again", accepts)
	cfg.Transit.Mode = config.TransitOff
	l.inbox.put(firewalldZones(cfg))
	await("the end of the policy", func() bool { return !accepts() && !marked() })
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if err := removeFirewalldPolicy(t.Context(), firewalld.New("/nobody/asks"), state); err != nil {
		t.Errorf("without a policy: %v", err)
	}
}
