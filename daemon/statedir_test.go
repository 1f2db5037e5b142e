package daemon

import (
	"bytes"
	"io"
	"path/filepath"
	"strings"
	"testing"
)

func TestStateDir(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "deep", "state")
	release, err := openStateDir(dir, newLogger(io.Discard))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := openStateDir(dir, newLogger(io.Discard)); err == nil || !strings.Contains(err.Error(), "another ecmpd uses it") {
		t.Errorf("the directory was taken twice: %v", err)
	}
	release()
	if again, err := openStateDir(dir, newLogger(io.Discard)); err != nil {
		t.Errorf("after its release: %v", err)
	} else {
		again()
	}
	var log bytes.Buffer
	if _, err := openStateDir("/proc/nowhere", newLogger(&log)); err != nil || !strings.Contains(log.String(), "--state-dir") {
		t.Errorf("a directory that cannot be: %v, log %q", err, &log)
	}
}

func TestRememberProtocol(t *testing.T) {
	dir := t.TempDir()
	for _, row := range []struct {
		protocol uint8
		warns    string
	}{{201, ""}, {201, ""}, {202, "kernel.protocol was 201"}, {202, ""}} {
		var log bytes.Buffer
		rememberProtocol(dir, row.protocol, newLogger(&log))
		if got := log.String(); !strings.Contains(got, row.warns) || (got == "") != (row.warns == "") {
			t.Errorf("%d: %q", row.protocol, got)
		}
	}
}
