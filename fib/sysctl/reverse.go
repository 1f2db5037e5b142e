package sysctl

// ReversePath is how the kernel checks the source of what comes in through a link:
// the larger one of its own rp_filter and that of "all" counts.
type ReversePath string

// What rp_filter may be.
const (
	ReversePathOff    ReversePath = "0"
	ReversePathStrict ReversePath = "1" // the way back has to lead out of the same link
	ReversePathLoose  ReversePath = "2" // there has to be a way back
)

// ReversePath reads what counts on a link; off when neither can be read.
func (s *Settings) ReversePath(link string) ReversePath {
	mode := ReversePathOff
	for _, of := range []string{"all", link} {
		if v, err := s.Get(reversePathOf(of)); err == nil {
			mode = max(mode, ReversePath(v))
		}
	}
	return mode
}

// LoosenReversePath makes the check of a link loose where it is strict, and tells
// whether it had to. The old value is kept as of any setting.
func (s *Settings) LoosenReversePath(link string) (changed bool, err error) {
	if s.ReversePath(link) != ReversePathStrict {
		return false, nil
	}
	_, err = s.Set(reversePathOf(link), string(ReversePathLoose))
	return err == nil, err
}

// reversePathOf is the setting's name; that of a link may have dots in it.
func reversePathOf(link string) string { return "net/ipv4/conf/" + link + "/rp_filter" }
