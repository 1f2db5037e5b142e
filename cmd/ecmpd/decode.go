package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/ecmpd/ecmpd/api"
	"github.com/ecmpd/ecmpd/capture"
	"github.com/ecmpd/ecmpd/ospf/dissect"
)

func newDecode() *cobra.Command {
	out := format("table")
	cmd := &cobra.Command{
		Use:   "decode [FILE | HEX]",
		Short: "Print the OSPF packets of a capture, or of hex",
		Long: `Print the OSPF packets of a capture, or of hex. FILE is a pcap or pcapng file
(tcpdump -w), or text: the output of tcpdump -x or -xx, or plain hex that begins
with the OSPF, the IP or the Ethernet header. Without an argument, or with "-",
standard input is read.

A packet that is malformed is shown as far as it can be read, with what is wrong;
the exit code is then 1. Without any OSPF packet it is 4.`,
		Example: "  tcpdump -i vpn1 -c 10 -w - proto ospf | ecmpd decode\n  ecmpd decode 0201002c0a000001000000001b0a...",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			in, name, err := openCapture(cmd.InOrStdin(), args)
			if err != nil {
				return err
			}
			defer in.Close()
			return decode(cmd.OutOrStdout(), in, name, out == "json")
		},
	}
	cmd.Flags().VarP(&out, "output", "o", "how to print")
	return cmd
}

// openCapture takes the argument for a file, or for hex when it is nothing else.
func openCapture(stdin io.Reader, args []string) (in io.ReadCloser, name string, err error) {
	if len(args) == 0 || args[0] == "-" {
		return io.NopCloser(stdin), "standard input", nil
	}
	f, err := os.Open(args[0])
	if err == nil {
		return f, args[0], nil
	}
	if errors.Is(err, os.ErrNotExist) && strings.Trim(args[0], "0123456789abcdefABCDEF :") == "" {
		return io.NopCloser(strings.NewReader(args[0])), "the argument", nil
	}
	return nil, "", fmt.Errorf("%w (and the argument is no hex)", err)
}

// decode prints packet by packet, so that a pipe can be followed; JSON is one
// document in the end.
func decode(w io.Writer, in io.Reader, name string, asJSON bool) error {
	list := []dissect.Fields{}
	found, malformed := 0, 0
	frames, err := capture.Read(in, func(p capture.Packet) error {
		found++
		f, wrong := dissect.Packet(p.Data)
		if wrong != nil {
			malformed++
		}
		if asJSON {
			list = append(list, withOrigin(p, f, wrong))
			return nil
		}
		return printPacket(w, p, f, wrong)
	})
	if asJSON && (err == nil || found > 0) {
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		err = errors.Join(err, e.Encode(map[string]any{"packets": list}))
	}
	switch {
	case err != nil:
		return fmt.Errorf("%s: %w", name, err)
	case found == 0:
		return fmt.Errorf("an OSPF packet in the %d packets of %s: %w", frames, name, api.ErrNotFound)
	case malformed > 0:
		return fmt.Errorf("%s: %d of %d OSPF packets malformed", name, malformed, found)
	}
	return nil
}

// withOrigin puts what the capture knows before what the packet says.
func withOrigin(p capture.Packet, f dissect.Fields, wrong error) dissect.Fields {
	all := dissect.Fields{{Key: "frame", Value: p.Number}}
	if !p.Time.IsZero() {
		all = append(all, dissect.Field{Key: "time", Value: p.Time.UTC().Format(time.RFC3339Nano)})
	}
	if p.Src.IsValid() {
		all = append(all, dissect.Fields{
			{Key: "source", Value: p.Src.String()}, {Key: "destination", Value: p.Dst.String()}, {Key: "ttl", Value: int(p.TTL)},
		}...)
	}
	all = append(all, f...)
	if wrong != nil {
		all = append(all, dissect.Field{Key: "malformed", Value: wrong.Error()})
	}
	return all
}

func printPacket(w io.Writer, p capture.Packet, f dissect.Fields, wrong error) error {
	head := fmt.Sprintf("%d", p.Number)
	if !p.Time.IsZero() {
		head += p.Time.UTC().Format("  2006-01-02T15:04:05.000000Z")
	}
	if p.Src.IsValid() {
		head += fmt.Sprintf("  %s > %s ttl %d", p.Src, p.Dst, p.TTL)
	}
	text := head + "\n" + f.Text("    ")
	if wrong != nil {
		text += "    MALFORMED: " + wrong.Error() + "\n"
	}
	_, err := io.WriteString(w, text)
	return err
}
