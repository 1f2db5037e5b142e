package link

import (
	"encoding/binary"
	"unsafe"

	"golang.org/x/sys/unix"
)

// speedometer asks drivers for the speed of their links, in the network
// namespace that it was opened in.
type speedometer struct{ fd int }

func openSpeedometer() (speedometer, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	return speedometer{fd}, err
}

func (s speedometer) close() { unix.Close(s.fd) }

// Where struct ethtool_cmd (linux/ethtool.h) has what is asked for.
const (
	ethtoolGetSettings = 1 // ETHTOOL_GSET
	ethtoolCmdSize     = 44
	speedLow           = 12
	speedHigh          = 28
	speedUnknown       = 1<<32 - 1
)

// of returns the speed of a link in Mbit/s, 0 when nobody knows it.
func (s speedometer) of(name string) int {
	if len(name) >= unix.IFNAMSIZ {
		return 0
	}
	var cmd [ethtoolCmdSize]byte
	binary.NativeEndian.PutUint32(cmd[:], ethtoolGetSettings)
	request := struct {
		name [unix.IFNAMSIZ]byte
		data unsafe.Pointer
		_    [24 - unsafe.Sizeof(uintptr(0))]byte // struct ifreq is longer
	}{data: unsafe.Pointer(&cmd)}
	copy(request.name[:], name)
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(s.fd), unix.SIOCETHTOOL, uintptr(unsafe.Pointer(&request))); errno != 0 {
		return 0 // most tunnels and bridges without ports
	}
	speed := uint32(binary.NativeEndian.Uint16(cmd[speedHigh:]))<<16 | uint32(binary.NativeEndian.Uint16(cmd[speedLow:]))
	if speed == speedUnknown || speed > 1<<30 {
		return 0
	}
	return int(speed)
}
