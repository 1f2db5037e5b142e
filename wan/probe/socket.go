package probe

import (
	"context"
	"net"
	"os"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// control binds a socket to the path before it is connected or bound.
func (p Path) control(_, _ string, c syscall.RawConn) error {
	var err error
	if outer := c.Control(func(fd uintptr) { err = p.bind(int(fd)) }); outer != nil {
		return outer
	}
	return err
}

func (p Path) bind(fd int) error {
	if err := unix.BindToDevice(fd, p.Interface); err != nil {
		return os.NewSyscallError("bind to "+p.Interface, err)
	}
	return os.NewSyscallError("set the mark", unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_MARK, int(p.Mark)))
}

// obey makes reads and writes of a connection end with ctx; call stop when it is done with.
func obey(ctx context.Context, c interface{ SetDeadline(time.Time) error }) (stop func() bool) {
	if deadline, ok := ctx.Deadline(); ok {
		_ = c.SetDeadline(deadline)
	}
	return context.AfterFunc(ctx, func() { _ = c.SetDeadline(time.Unix(1, 0)) })
}

// listen opens a packet socket of the network on the path.
func (p Path) listen(ctx context.Context, network string) (net.PacketConn, error) {
	return (&net.ListenConfig{Control: p.control}).ListenPacket(ctx, network, p.Source.String())
}
