package firewalld

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// daemon is a firewalld that the stand-in speaks for.
type daemon struct {
	*Client
	t    *testing.T
	home string
}

func start(t *testing.T) daemon {
	t.Helper()
	d := daemon{t: t, home: t.TempDir()}
	script, err := os.ReadFile("testdata/firewall-cmd")
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{"saved", "running"} {
		if err := os.Mkdir(filepath.Join(d.home, dir), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	d.write("firewall-cmd", string(script))
	d.Client = New(filepath.Join(d.home, "firewall-cmd"))
	return d
}

func (d daemon) write(name, text string) {
	d.t.Helper()
	if err := os.WriteFile(filepath.Join(d.home, name), []byte(text), 0o700); err != nil {
		d.t.Fatal(err)
	}
}

func (d daemon) remove(name string) {
	d.t.Helper()
	if err := os.Remove(filepath.Join(d.home, name)); err != nil {
		d.t.Fatal(err)
	}
}

// reloads counts them, and forgets the calls so far.
func (d daemon) reloads() int {
	d.t.Helper()
	log, err := os.ReadFile(filepath.Join(d.home, "log"))
	if err != nil {
		d.t.Fatal(err)
	}
	d.remove("log")
	return strings.Count(string(log), "--reload")
}

// keeps has the policy kept and says what that took.
func (d daemon) keeps(changed bool, reloads int, zones ...string) {
	d.t.Helper()
	got, err := d.Keep(d.t.Context(), zones)
	if n := d.reloads(); err != nil || got != changed || n != reloads {
		d.t.Errorf("%v: changed %v, want %v; %d reloads, want %d; %v", zones, got, changed, n, reloads, err)
	}
}

// lets tells from which zones the policy takes packets in one of the folders.
func (d daemon) lets(folder string, want ...string) {
	d.t.Helper()
	args := []string{}
	if folder == "saved" {
		args = append(args, "--permanent")
	}
	text, err := d.info(d.t.Context(), args...)
	if got := field(text, "ingress-zones"); err != nil || !slices.Equal(got, want) {
		d.t.Errorf("%s: %v, want %v; %v", folder, got, want, err)
	}
}

// The policy comes, changes its zones, comes back when somebody has removed it, and
// goes; firewalld reloads when there is no other way.
func TestPolicy(t *testing.T) {
	d := start(t)
	d.keeps(true, 1, "vpn")
	d.keeps(false, 0, "vpn")
	d.keeps(true, 1, "vpn", "branches")
	d.keeps(false, 0, "branches", "vpn")
	d.lets("running", "branches", "vpn")
	d.remove("running/ecmpd.xml")
	d.keeps(true, 1, "vpn", "branches")
	d.remove("saved/ecmpd.xml")
	d.keeps(true, 0, "vpn", "branches")
	if err := d.Remove(t.Context()); err != nil || d.reloads() != 0 {
		t.Errorf("remove: %v", err)
	}
	d.lets("saved")
	d.lets("running")
	d.reloads()
	if err := d.Remove(t.Context()); err != nil {
		t.Errorf("again: %v", err)
	}
	d.keeps(true, 1, "vpn", "idle") // a zone without interfaces cannot be taken out at runtime
	if err := d.Remove(t.Context()); err != nil || d.reloads() != 1 {
		t.Errorf("remove with an idle zone: %v", err)
	}
	d.lets("running")
}

// Somebody else's policy of the same name stays as it is.
func TestForeignPolicy(t *testing.T) {
	d := start(t)
	const theirs = `<policy target="DROP"><description>by hand</description></policy>`
	d.write("saved/ecmpd.xml", theirs)
	if _, err := d.Keep(t.Context(), []string{"vpn"}); !errors.Is(err, errForeign) {
		t.Errorf("keep: %v", err)
	}
	if err := d.Remove(t.Context()); err != nil {
		t.Errorf("remove: %v", err)
	}
	if text, err := os.ReadFile(filepath.Join(d.home, "saved/ecmpd.xml")); err != nil || string(text) != theirs {
		t.Errorf("%s, %v", text, err)
	}
}

// A reload that does not help is not repeated, and what firewalld says is passed on.
func TestTrouble(t *testing.T) {
	d := start(t)
	for range 3 {
		if _, err := d.Keep(t.Context(), []string{"nowhere"}); err == nil || !strings.Contains(err.Error(), "not among existing zones") {
			t.Errorf("no such zone: %v", err)
		}
	}
	if n := d.reloads(); n != 0 {
		t.Errorf("%d reloads", n)
	}
	d.write("stuck", "")
	for range 3 {
		if _, err := d.Keep(t.Context(), []string{"vpn"}); !errors.Is(err, errNotInForce) {
			t.Errorf("a reload that does nothing: %v", err)
		}
	}
	if n := d.reloads(); n != 1 {
		t.Errorf("%d reloads", n)
	}
	d.remove("stuck")
	d.write("dead", "")
	if _, err := d.Keep(t.Context(), []string{"vpn"}); err == nil || !strings.Contains(err.Error(), "not running") {
		t.Errorf("dead: %v", err)
	}
	if err := d.Remove(t.Context()); err == nil {
		t.Error("removed from a firewalld that does not run")
	}
	if _, err := New(filepath.Join(d.home, "none")).Keep(t.Context(), []string{"vpn"}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no firewall-cmd: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := d.Keep(ctx, []string{"vpn"}); err == nil {
		t.Error("no error after the end")
	}
}
