package speaker

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// holderLimit is the default of the kernel's igmp_max_memberships.
const holderLimit = 20

// memberships keeps the multicast memberships that the engine wants, by
// interface name, true on the links that bear these names now.
type memberships struct {
	wanted  map[membership]joined
	holders []*holder
}

type membership struct {
	link  string
	group netip.Addr
}

// joined says where a wanted membership is held; the zero value: nowhere.
type joined struct {
	holder  *holder
	ifindex int
}

// holder is a socket that receives nothing and holds up to limit memberships.
type holder struct {
	fd, used, limit int
}

func newMemberships() *memberships {
	return &memberships{wanted: map[membership]joined{}}
}

// join wants a membership; index is the link's, 0 when there is no such link now.
func (m *memberships) join(link string, group netip.Addr, index int) error {
	want := membership{link, group}
	if _, ok := m.wanted[want]; !ok {
		m.wanted[want] = joined{}
	}
	return m.settle(want, index)
}

// leave wants a membership no longer.
func (m *memberships) leave(link string, group netip.Addr) {
	want := membership{link, group}
	m.release(group, m.wanted[want])
	delete(m.wanted, want)
}

// settleAll brings every wanted membership to the link that bears its name now.
func (m *memberships) settleAll(index func(link string) int) error {
	keys := make([]membership, 0, len(m.wanted))
	for want := range m.wanted {
		keys = append(keys, want)
	}
	slices.SortFunc(keys, func(a, b membership) int {
		return cmp.Or(strings.Compare(a.link, b.link), a.group.Compare(b.group))
	})
	var errs []error
	for _, want := range keys {
		errs = append(errs, m.settle(want, index(want.link)))
	}
	return errors.Join(errs...)
}

// settle makes one membership true on the link with the given index.
func (m *memberships) settle(want membership, index int) error {
	now := m.wanted[want]
	if now.ifindex == index {
		return nil
	}
	m.release(want.group, now)
	m.wanted[want] = joined{}
	if index == 0 {
		return nil
	}
	h, err := m.acquire(want.group, index)
	if err != nil {
		return fmt.Errorf("join %v on %s: %w", want.group, want.link, err)
	}
	m.wanted[want] = joined{h, index}
	return nil
}

// acquire joins the group on a holder with room, opening one when all are full.
func (m *memberships) acquire(group netip.Addr, index int) (*holder, error) {
	for _, h := range m.holders {
		if h.used >= h.limit {
			continue
		}
		err := h.set(unix.IP_ADD_MEMBERSHIP, group, index)
		if err == nil {
			h.used++
			return h, nil
		}
		if !errors.Is(err, unix.ENOBUFS) {
			return nil, err
		}
		h.limit = h.used // igmp_max_memberships is lower here
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	h := &holder{fd: fd, limit: holderLimit}
	if err := h.set(unix.IP_ADD_MEMBERSHIP, group, index); err != nil {
		unix.Close(fd)
		return nil, err
	}
	h.used = 1
	m.holders = append(m.holders, h)
	return h, nil
}

// release gives a membership up. The kernel keeps the socket's entry of a link
// that is gone, so this is needed, and works, there as well; a failure
// means that there is nothing left to give up.
func (m *memberships) release(group netip.Addr, j joined) {
	if j.holder == nil {
		return
	}
	_ = j.holder.set(unix.IP_DROP_MEMBERSHIP, group, j.ifindex)
	j.holder.used--
	if j.holder.used == 0 {
		unix.Close(j.holder.fd)
		m.holders = slices.DeleteFunc(m.holders, func(h *holder) bool { return h == j.holder })
	}
}

func (m *memberships) close() {
	for _, h := range m.holders {
		unix.Close(h.fd)
	}
	m.holders = nil
}

func (h *holder) set(option int, group netip.Addr, index int) error {
	return unix.SetsockoptIPMreqn(h.fd, unix.IPPROTO_IP, option,
		&unix.IPMreqn{Multiaddr: group.As4(), Ifindex: int32(index)})
}
