package sysctl

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

const ipv4 = "net/ipv4/"

// fakeProc makes a tree of settings and a state directory.
func fakeProc(t *testing.T, values map[string]string) (root, dir string) {
	t.Helper()
	root, dir = t.TempDir(), filepath.Join(t.TempDir(), "state")
	if err := os.MkdirAll(filepath.Join(root, ipv4), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, v := range values {
		if err := os.WriteFile(filepath.Join(root, ipv4, name), []byte(v+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return root, dir
}

func must(t *testing.T, root, dir string) *Settings {
	t.Helper()
	s, err := open(root, dir)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func expect(t *testing.T, s *Settings, name, want string) {
	t.Helper()
	if got, err := s.Get("net.ipv4." + name); err != nil || got != want {
		t.Errorf("%s = %q, %v; want %q", name, got, err, want)
	}
}

func TestMultipathHash(t *testing.T) {
	for _, tt := range []struct {
		name   string
		hash   Hash
		before map[string]string
		policy string
		noted  bool
	}{
		{"l3", HashL3, map[string]string{"fib_multipath_hash_policy": "1", "fib_multipath_hash_fields": "7"}, "0", false},
		{"l4", HashL4, map[string]string{"fib_multipath_hash_policy": "0", "fib_multipath_hash_fields": "7"}, "3", false},
		{"l4 before 5.14", HashL4, map[string]string{"fib_multipath_hash_policy": "0"}, "1", true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			root, dir := fakeProc(t, tt.before)
			s := must(t, root, dir)
			note, err := s.SetMultipathHash(tt.hash)
			if err != nil || (note != "") != tt.noted {
				t.Fatalf("note %q, error %v", note, err)
			}
			expect(t, s, "fib_multipath_hash_policy", tt.policy)
			if tt.policy == "3" {
				expect(t, s, "fib_multipath_hash_fields", "55")
			}
			// Another run, another wish: what was there before the first is restored.
			s = must(t, root, dir)
			if _, err := s.Set("net.ipv4.fib_multipath_hash_policy", "2"); err != nil {
				t.Fatal(err)
			}
			s = must(t, root, dir)
			if names, err := s.Restore(); err != nil || len(names) == 0 {
				t.Fatalf("restored %q, %v", names, err)
			}
			for name, v := range tt.before {
				expect(t, s, name, v)
			}
			if left, _ := os.ReadDir(dir); len(left) != 0 {
				t.Errorf("left in the state directory: %v", left)
			}
			if names, err := s.Restore(); err != nil || len(names) != 0 {
				t.Errorf("restored again: %q, %v", names, err)
			}
		})
	}
	s := must(t, t.TempDir(), t.TempDir())
	if _, err := s.SetMultipathHash("l5"); err == nil {
		t.Error("l5 accepted")
	}
}

func TestSetWritesOnlyWhatDiffers(t *testing.T) {
	root, dir := fakeProc(t, map[string]string{"ip_forward": "1"})
	path := filepath.Join(root, ipv4, "ip_forward")
	before, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	s := must(t, root, dir)
	if old, err := s.Set("net.ipv4.ip_forward", "1"); old != "1" || err != nil {
		t.Errorf("old %q, %v", old, err)
	}
	after, err := os.Stat(path)
	if err != nil || !after.ModTime().Equal(before.ModTime()) {
		t.Errorf("written although equal (%v)", err)
	}
	if _, err := os.Stat(dir); !os.IsNotExist(err) {
		t.Errorf("state directory made for nothing: %v", err)
	}
	if _, err := s.Get("../../etc/passwd"); err == nil {
		t.Error("left the tree")
	}
}

// A read-only mount says so, and the state file is kept before anything changes.
func TestReadOnly(t *testing.T) {
	root, dir := fakeProc(t, map[string]string{"ip_forward": "0"})
	for _, flags := range []uintptr{unix.MS_BIND, unix.MS_BIND | unix.MS_REMOUNT | unix.MS_RDONLY} {
		if err := unix.Mount(root, root, "", flags, ""); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() {
		if err := unix.Unmount(root, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	s := must(t, root, dir)
	_, err := s.Set("net.ipv4.ip_forward", "1")
	if !errors.Is(err, ErrReadOnly) || !strings.Contains(err.Error(), "ip_forward") {
		t.Errorf("error %v", err)
	}
	if names, err := s.Restore(); err != nil || !reflect.DeepEqual(names, []string{"net.ipv4.ip_forward"}) {
		t.Errorf("a value that never changed: %q, %v", names, err)
	}
}

func TestDamagedStateFile(t *testing.T) {
	root, dir := fakeProc(t, map[string]string{"ip_forward": "0"})
	s := must(t, root, dir)
	if _, err := s.Set("net.ipv4.ip_forward", "1"); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, stateFile)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for n := range len(whole) - 2 {
		if err := os.WriteFile(path, whole[:n], 0o644); err != nil {
			t.Fatal(err)
		}
		s, err := open(root, dir)
		if err == nil || s == nil {
			t.Fatalf("cut to %d bytes: %v, %v", n, s, err)
		}
		if _, err := s.Set("net.ipv4.ip_forward", fmt.Sprint(n%2)); err != nil {
			t.Fatalf("cut to %d bytes: unusable: %v", n, err)
		}
	}
}

// Strict becomes loose, whichever of the two values made it so; the others stay.
func TestLoosenReversePath(t *testing.T) {
	for _, tt := range []struct{ all, own, want string }{
		{"0", "0", "0"}, {"0", "1", "2"}, {"1", "0", "2"}, {"1", "1", "2"}, {"2", "1", "1"}, {"0", "2", "2"}, {"1", "2", "2"},
	} {
		root, dir := fakeProc(t, nil)
		for name, v := range map[string]string{"all": tt.all, "vpn.7": tt.own} {
			path := filepath.Join(root, ipv4, "conf", name)
			if err := os.MkdirAll(path, 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(path, "rp_filter"), []byte(v+"\n"), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		s := must(t, root, dir)
		changed, err := s.LoosenReversePath("vpn.7")
		if err != nil || changed != (tt.own != tt.want) {
			t.Errorf("%+v: changed %v, %v", tt, changed, err)
		}
		if got, err := s.Get(ipv4 + "conf/vpn.7/rp_filter"); err != nil || got != tt.want {
			t.Errorf("%+v: %s, %v", tt, got, err)
		}
		if s.ReversePath("vpn.7") == ReversePathStrict {
			t.Errorf("%+v: still strict", tt)
		}
		if _, err := must(t, root, dir).Restore(); err != nil {
			t.Error(err)
		}
		if got, _ := s.Get(ipv4 + "conf/vpn.7/rp_filter"); got != tt.own {
			t.Errorf("%+v: restored %s", tt, got)
		}
	}
}
