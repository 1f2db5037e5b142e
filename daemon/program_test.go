package daemon

import (
	"bytes"
	"fmt"
	"os"
	"testing"
)

// What the program read of its file is gone from its memory, and it still runs.
func TestReleaseProgram(t *testing.T) {
	resident := func() int {
		b, err := os.ReadFile("/proc/self/smaps_rollup")
		if err != nil {
			t.Fatal(err)
		}
		_, b, _ = bytes.Cut(b, []byte("Pss_File:"))
		var kB int
		if _, err := fmt.Sscan(string(b), &kB); err != nil {
			t.Fatal(err)
		}
		return kB
	}
	before := resident()
	if err := releaseProgram(); err != nil {
		t.Fatal(err)
	}
	if after := resident(); after >= before {
		t.Errorf("%d kB of files in memory, %d kB before", after, before)
	}
}
