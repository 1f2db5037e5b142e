package daemon

import (
	"fmt"
	"os"

	"github.com/ecmpd/ecmpd/ospf"
	"github.com/ecmpd/ecmpd/ospf/speaker"
	"github.com/ecmpd/ecmpd/record"
)

// maxRecording is the largest size of a recording, bytes.
const maxRecording = 1 << 30

// recorded returns the engine, or a recorder round it when the options ask for
// that. The file belongs to the process until its end.
func (d *daemon) recorded(e *ospf.Engine) (speaker.Engine, error) {
	if d.options.Record == "" {
		return e, nil
	}
	// Secrets are in it, and an earlier recording may be worth keeping.
	f, err := os.OpenFile(d.options.Record, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("record: %w", err)
	}
	h := record.Header{Version: d.options.Version, Seed: uint64(d.started.UnixNano()), Start: d.started}
	return record.New(e, f, h, maxRecording, func(err error) {
		d.log.WithError(err).WithField("file", d.options.Record).Warn("recording has ended")
		f.Close()
	}), nil
}
