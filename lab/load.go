package lab

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Load is a number of TCP connections, each from a source port of its own,
// that send a payload to an echo server and compare what comes back.
type Load struct {
	From      *Node
	To        netip.AddrPort
	Count     int
	FirstPort uint16        // of Count consecutive source ports
	Payload   int           // bytes each way
	Timeout   time.Duration // of one connection, from SYN to the last byte
	Parallel  int           // connections at a time, 128 when zero
	// Progress, when set, is called after each connection, one at a time.
	Progress func(done, failed int)
}

// LoadResult holds the outcome of every connection, nil for success, in the
// order of the source ports.
type LoadResult []error

// Failed counts the connections that did not carry their payload both ways.
func (r LoadResult) Failed() int {
	failed := 0
	for _, err := range r {
		if err != nil {
			failed++
		}
	}
	return failed
}

// FirstError is the error of the first connection that failed, nil when none
// did.
func (r LoadResult) FirstError() error {
	for _, err := range r {
		if err != nil {
			return err
		}
	}
	return nil
}

// Run makes the connections. Its error means that the measurement itself did
// not take place; connections that fail are in the result.
func (l Load) Run(ctx context.Context) (LoadResult, error) {
	if int(l.FirstPort)+l.Count > 1<<16 || l.FirstPort == 0 {
		return nil, fmt.Errorf("source ports %d and %d following do not exist", l.FirstPort, l.Count)
	}
	parallel := l.Parallel
	if parallel == 0 {
		parallel = 128
	}
	result := make(LoadResult, l.Count)
	next := make(chan int)
	var workers sync.WaitGroup
	var mu sync.Mutex
	done, failed := 0, 0
	for range min(parallel, l.Count) {
		workers.Go(func() {
			for i := range next {
				err := l.connect(ctx, i)
				mu.Lock()
				result[i] = err
				done++
				if err != nil {
					failed++
				}
				if l.Progress != nil {
					l.Progress(done, failed)
				}
				mu.Unlock()
			}
		})
	}
	for i := range l.Count {
		next <- i
	}
	close(next)
	workers.Wait()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return result, errors.Join(portTaken(result)...)
}

// portTaken finds connections that failed on this side of the network.
func portTaken(result LoadResult) []error {
	var errs []error
	for _, err := range result {
		if errors.Is(err, unix.EADDRINUSE) || errors.Is(err, unix.EMFILE) {
			errs = append(errs, err)
		}
	}
	return errs
}

func (l Load) connect(ctx context.Context, i int) error {
	deadline := time.Now().Add(l.Timeout)
	port := l.FirstPort + uint16(i)
	dialer := net.Dialer{Deadline: deadline, LocalAddr: &net.TCPAddr{Port: int(port)}}
	dialer.SetMultipathTCP(false)
	var conn net.Conn
	err := l.From.Do(func() (err error) {
		conn, err = dialer.DialContext(ctx, "tcp4", l.To.String())
		return err
	})
	if err != nil {
		return fmt.Errorf("source port %d: %w", port, err)
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	if err := conn.SetDeadline(deadline); err != nil {
		return err
	}
	if err := exchange(conn, pattern(i, l.Payload)); err != nil {
		return fmt.Errorf("source port %d: %w", port, err)
	}
	return nil
}

// exchange writes and reads at the same time, so that a payload may be larger
// than the buffers on the way.
func exchange(conn net.Conn, payload []byte) error {
	sent := make(chan error, 1)
	go func() {
		_, err := conn.Write(payload)
		sent <- err
	}()
	got := make([]byte, len(payload))
	_, err := io.ReadFull(conn, got)
	if err != nil {
		conn.Close() // lets go of the writer
	}
	if err := errors.Join(err, <-sent); err != nil {
		return fmt.Errorf("echo of %d bytes: %w", len(payload), err)
	}
	if !bytes.Equal(got, payload) {
		return errors.New("the echo differs from what was sent")
	}
	return nil
}

func pattern(seed, n int) []byte {
	p := make([]byte, n)
	for i := range p {
		p[i] = byte(i*31 + i>>8 + seed)
	}
	return p
}
