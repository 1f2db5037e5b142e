package worker

import (
	"fmt"
	"os"

	"github.com/osrg/gobgp/v3/pkg/log"
	gobgp "github.com/osrg/gobgp/v3/pkg/packet/bgp"
)

// logger hands the words of GoBGP to the daemon.
type logger struct {
	put     func(message)
	reason  func(neighbor, why string) // why a session is down
	ignored func(log.Fields)           // GoBGP hides what a neighbour says
}

// Panic and Fatal end this process, which is what it is there for.
func (l *logger) Panic(text string, f log.Fields) { l.Fatal(text, f) }

// Fatal ends the process; the daemon starts another.
func (l *logger) Fatal(text string, f log.Fields) {
	fmt.Fprintln(os.Stderr, "BGP process:", text, f)
	os.Exit(1)
}

// Error, Warn and Info reach the daemon's log.
func (l *logger) Error(text string, f log.Fields) { l.line(Error, text, f) }
func (l *logger) Warn(text string, f log.Fields)  { l.line(Warn, text, f) }
func (l *logger) Info(text string, f log.Fields)  { l.line(Info, text, f) }

// Debug says nothing, but listens.
func (l *logger) Debug(text string, f log.Fields) {
	if text == "Originator ID is mine, ignore" {
		l.ignored(f)
	}
}

// SetLevel does nothing: the daemon decides.
func (l *logger) SetLevel(log.LogLevel) {}

// GetLevel keeps GoBGP from writing what nobody reads.
func (l *logger) GetLevel() log.LogLevel { return log.InfoLevel }

func (l *logger) line(level Level, text string, f log.Fields) {
	line := &LogLine{Level: level, Text: text, Fields: map[string]string{}}
	for k, v := range f {
		switch k {
		case "Topic", log.FieldFacility:
		case "Key":
			line.Neighbor = fmt.Sprint(v)
		default:
			if e, ok := v.(*gobgp.MessageError); ok { // in place of the numbers
				line.Fields["Code"], line.Fields["Subcode"] = fmt.Sprint(e.TypeCode), fmt.Sprint(e.SubTypeCode)
			}
			line.Fields[k] = short(fmt.Sprint(v))
		}
	}
	switch text {
	case "Peer Down":
		l.reason(line.Neighbor, line.Fields["Reason"])
	case "received notification", "sent notification":
		l.reason(line.Neighbor, notification(text, line.Fields))
	}
	l.put(message{Log: line})
}

// short keeps a neighbour from filling the log with one line.
func short(s string) string {
	const most = 200
	if len(s) > most {
		return s[:most] + "…"
	}
	return s
}
