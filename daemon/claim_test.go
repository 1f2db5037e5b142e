package daemon

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// One daemon in a network namespace, whatever its sockets are called; another
// namespace is another world.
func TestClaimNamespace(t *testing.T) {
	// The thread ends with the goroutine and takes its namespaces along.
	failed := make(chan error)
	go func() {
		runtime.LockOSThread()
		failed <- claims()
	}()
	if err := <-failed; err != nil {
		t.Error(err)
	}
}

func claims() error {
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		return err
	}
	log := newLogger(io.Discard)
	release, err := claimNamespace(log)
	if err != nil {
		return err
	}
	_, err = claimNamespace(log)
	if want := fmt.Sprintf("process %d", os.Getpid()); err == nil || !strings.Contains(err.Error(), want) {
		return fmt.Errorf("a second claim gets %v, which does not name %s", err, want)
	}
	release()
	if release, err = claimNamespace(log); err != nil {
		return fmt.Errorf("after release: %w", err)
	}
	defer release()
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		return err
	}
	elsewhere, err := claimNamespace(log)
	if err != nil {
		return fmt.Errorf("in another namespace: %w", err)
	}
	elsewhere()
	return nil
}
