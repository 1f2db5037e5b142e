// Command wgtunnel is one end of a WireGuard tunnel in user space, for kernels
// without WireGuard and for tests that want it in a namespace of its own:
//
//	wgtunnel <interface> <mtu> <file> [control]
//
// The file holds the configuration in the language of WireGuard's
// cross-platform interface, which "control" also offers on the socket where others look for it,
// /var/run/wireguard/<interface>.sock. It says "ready" when the tunnel works; the
// interface goes when the program ends. Tests with the race detector need a
// program apart: there the cryptography is a hundred times slower.
package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/signal"
	"strconv"
	"syscall"

	"golang.zx2c4.com/wireguard/conn"
	"golang.zx2c4.com/wireguard/device"
	"golang.zx2c4.com/wireguard/ipc"
	"golang.zx2c4.com/wireguard/tun"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "wgtunnel:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) < 3 {
		return errors.New("usage: wgtunnel <interface> <mtu> <file> [control]")
	}
	mtu, err := strconv.Atoi(args[1])
	if err != nil {
		return fmt.Errorf("mtu: %w", err)
	}
	config, err := os.ReadFile(args[2])
	if err != nil {
		return err
	}
	link, err := tun.CreateTUN(args[0], mtu)
	if err != nil {
		return err
	}
	d := device.NewDevice(link, conn.NewDefaultBind(), device.NewLogger(device.LogLevelError, args[0]+": "))
	defer d.Close()
	if err := errors.Join(d.IpcSet(string(config)), d.Up()); err != nil {
		return err
	}
	if len(args) > 3 {
		l, err := control(args[0])
		if err != nil {
			return err
		}
		defer l.Close() // removes the socket
		go func() {
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				go d.IpcHandle(c)
			}
		}()
	}
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM, syscall.SIGINT)
	fmt.Println("ready")
	select {
	case <-stop:
	case <-d.Wait(): // the interface was deleted
	}
	return nil
}

// control opens the socket for questions about the tunnel.
func control(link string) (net.Listener, error) {
	f, err := ipc.UAPIOpen(link)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return ipc.UAPIListen(link, f)
}
