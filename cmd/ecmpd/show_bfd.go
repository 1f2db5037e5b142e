package main

import (
	"fmt"
	"net/netip"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/ecmpd/ecmpd/api"
)

func newShowBFD(a *asking) *cobra.Command {
	v := view[api.BFD]{path: api.PathBFD, pick: picker{"peer", "BFD session", checkPeer}, draw: drawBFD}
	return v.command(a, &cobra.Command{
		Use:   "bfd [PEER]",
		Short: "Show BFD sessions, and why one is down",
	})
}

func checkPeer(arg string) error {
	if addr, err := netip.ParseAddr(arg); err != nil || !addr.Is4() {
		return fmt.Errorf("%q is no IPv4 address of a peer", arg)
	}
	return nil
}

func drawBFD(s screen, body api.BFD, wide bool) {
	if len(body.BFD.Sessions) == 0 {
		s.line("No BFD session.")
		return
	}
	head := []string{"Peer", "Interface", "Local ID", "Remote ID", "State", "Since", "TX", "RX", "Detection", "Failures"}
	if wide {
		head = append(head, "Local", "Port", "Remote State", "Diagnostic", "Remote Diagnostic", "Sent", "Received", "Dropped")
	}
	var rows [][]string
	for _, b := range body.BFD.Sessions {
		state := b.State
		if state == "Up" {
			state = s.good(state)
		}
		row := []string{
			b.Peer, b.Interface, number(b.LocalDiscriminator), number(b.RemoteDiscriminator), state, span(b.StateTimeMsec),
			interval(b.TxIntervalUsec), interval(b.RxIntervalUsec), interval(b.DetectionTimeUsec), count(b.FailureCount),
		}
		if wide {
			row = append(row, b.Local, strconv.Itoa(b.SourcePort), b.RemoteState, b.Diagnostic, b.RemoteDiagnostic,
				count(b.PacketsSent), count(b.PacketsReceived), count(b.PacketsDropped))
		}
		rows = append(rows, append(row, s.bad(b.Why)))
	}
	s.table(append(head, "Why"), rows)
	if wide && len(body.BFD.Rejected) > 0 {
		s.line("\nPackets dropped: %s", counts(body.BFD.Rejected))
	}
}

// interval writes microseconds: "50ms"; nothing for what is not agreed yet.
func interval(usec int64) string {
	if usec == 0 {
		return ""
	}
	return (time.Duration(usec) * time.Microsecond).String()
}

func count(n uint64) string { return strconv.FormatUint(n, 10) }
