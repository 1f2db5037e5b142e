package api

import (
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

func TestListenMakesSocketAndDirectory(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "run")
	socket := filepath.Join(dir, "s")
	l := listen(t, socket)
	for path, want := range map[string]fs.FileMode{dir: 0o755 | fs.ModeDir, socket: 0o660 | fs.ModeSocket} {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode() != want {
			t.Errorf("%s has mode %v, want %v", path, info.Mode(), want)
		}
	}
	l.Close()
	if left, _ := os.ReadDir(dir); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestListenReplacesStaleSocket(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "s")
	l := listen(t, socket)
	l.(*net.UnixListener).SetUnlinkOnClose(false) // as after SIGKILL
	l.Close()
	if _, err := os.Stat(socket); err != nil {
		t.Fatal(err)
	}
	listen(t, socket).Close()
}

func TestListenRefuses(t *testing.T) {
	dir := t.TempDir()
	live := filepath.Join(dir, "live")
	l := listen(t, live)
	defer l.Close()
	file := filepath.Join(dir, "file")
	if err := os.WriteFile(file, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	for socket, want := range map[string]string{
		live:                                     "another ecmpd answers on " + live,
		file:                                     "no socket is in the way",
		filepath.Join(file, "s"):                 "not a directory",
		"/" + strings.Repeat("x", maxSocketPath): "at most 107",
	} {
		if _, err := Listen(socket); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Listen(%s): %v, want %q", socket, err, want)
		}
	}
	if text, _ := os.ReadFile(file); string(text) != "precious" {
		t.Error("a file in the way was touched")
	}
	if conn, err := net.Dial("unix", live); err != nil {
		t.Errorf("the live socket was damaged: %v", err)
	} else {
		conn.Close()
	}
}

// Of daemons that start at the same moment over a stale socket, one wins.
func TestListenRace(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "s")
	for range 50 {
		stale := listen(t, socket)
		stale.(*net.UnixListener).SetUnlinkOnClose(false)
		stale.Close()

		var wg sync.WaitGroup
		var won [4]net.Listener
		for i := range won {
			wg.Go(func() { won[i], _ = Listen(socket) })
		}
		wg.Wait()
		winners := 0
		for _, l := range won {
			if l != nil {
				winners++
			}
		}
		for _, l := range won {
			if l != nil {
				l.Close()
			}
		}
		if winners != 1 {
			t.Fatalf("%d of 4 hold the socket, want 1", winners)
		}
	}
}
