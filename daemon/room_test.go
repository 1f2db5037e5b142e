package daemon

import (
	"os"
	"path/filepath"
	"testing"
)

func TestDatabaseRoom(t *testing.T) {
	for memory, want := range map[uint64]int{0: 100_000, 512 << 20: 131_072, 1 << 30: 262_144, 64 << 30: 1_100_000} {
		if got := databaseRoom(memory); got != want {
			t.Errorf("%d MB of memory have room for %d LSAs, want %d", memory>>20, got, want)
		}
	}
	if memory() < 64<<20 {
		t.Errorf("this machine has %d bytes of memory", memory())
	}
}

func TestMemoryLimit(t *testing.T) {
	root := t.TempDir()
	write := func(dir, limit string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(root, dir, "memory.max"), []byte(limit+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("system.slice", "1000")
	write("system.slice/ecmpd.service", "max")
	write("user.slice", "5000")
	for path, want := range map[string]uint64{"/": 3000, "/system.slice/ecmpd.service": 1000, "/user.slice": 3000, "/../gone/deep": 3000} {
		if got := memoryLimit(root, path, 3000); got != want {
			t.Errorf("%s may use %d bytes, want %d", path, got, want)
		}
	}
}
