package lab

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// Echo is a server inside a node that sends back what it gets, over TCP and
// UDP on the same port.
type Echo struct {
	tcp net.Listener
	udp net.PacketConn

	mu    sync.Mutex
	conns map[net.Conn]bool // nil when closed
	busy  sync.WaitGroup
}

// Echo starts an echo server. The caller closes it.
func (n *Node) Echo(at netip.AddrPort) (*Echo, error) {
	e := &Echo{conns: map[net.Conn]bool{}}
	err := n.Do(func() (err error) {
		// No multipath TCP: its tokens and retries would blur what a
		// plain connection does.
		var lc net.ListenConfig
		lc.SetMultipathTCP(false)
		if e.tcp, err = lc.Listen(context.Background(), "tcp4", at.String()); err != nil {
			return err
		}
		if e.udp, err = lc.ListenPacket(context.Background(), "udp4", at.String()); err != nil {
			return errors.Join(err, e.tcp.Close())
		}
		if err = patient(e.udp.(*net.UDPConn)); err != nil {
			return errors.Join(err, e.tcp.Close(), e.udp.Close())
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("echo server on %s: %w", n.name, err)
	}
	e.busy.Go(e.acceptTCP)
	e.busy.Go(e.answerUDP)
	return e, nil
}

// patient gives a socket room for what arrives while its owner is not given a
// processor: the network is measured, not the machine that plays it.
func patient(c syscall.Conn) error {
	const room = 8 << 20
	raw, err := c.SyscallConn()
	if err != nil {
		return err
	}
	var failed error
	err = raw.Control(func(fd uintptr) {
		failed = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, room)
	})
	return errors.Join(err, failed)
}

func (e *Echo) acceptTCP() {
	for {
		c, err := e.tcp.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			continue // one connection that went wrong before it began
		}
		e.mu.Lock()
		if e.conns == nil {
			e.mu.Unlock()
			c.Close()
			return
		}
		e.conns[c] = true
		e.mu.Unlock()
		e.busy.Go(func() {
			_, _ = io.Copy(c, c) // the client judges
			c.Close()
			e.mu.Lock()
			delete(e.conns, c)
			e.mu.Unlock()
		})
	}
}

func (e *Echo) answerUDP() {
	buf := make([]byte, 2048)
	for {
		n, from, err := e.udp.ReadFrom(buf)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err == nil {
			_, _ = e.udp.WriteTo(buf[:n], from) // no way back counts as loss
		}
	}
}

// Close ends the server and its connections.
func (e *Echo) Close() error {
	err := errors.Join(e.tcp.Close(), e.udp.Close())
	e.mu.Lock()
	for c := range e.conns {
		c.Close()
	}
	e.conns = nil
	e.mu.Unlock()
	e.busy.Wait()
	return err
}
