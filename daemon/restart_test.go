package daemon

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ecmpd/ecmpd/ospf"
	"github.com/ecmpd/ecmpd/ospf/packet"
)

// What the next start is told, after each way in which a run can end.
func TestRestartStore(t *testing.T) {
	const interval = 2 * time.Minute
	now := time.Now()
	path := func(dir string) string { return filepath.Join(dir, restartFile) }
	planned := ospf.Restarting{Left: time.Minute, Reason: packet.RestartSoftware, Announced: true}
	outage := ospf.Restarting{Left: interval, Reason: packet.RestartUnknown}
	for name, c := range map[string]struct {
		end  func(s *restartStore, dir string)
		off  bool
		want ospf.Restarting
		log  string
	}{
		"first start":     {end: func(_ *restartStore, dir string) { os.Remove(path(dir)) }},
		"left":            {end: func(s *restartStore, _ string) { s.left(); s.keep() }},
		"planned":         {end: func(s *restartStore, _ string) { s.prepared(now.Add(time.Minute)); s.keep() }, want: planned},
		"planned and off": {end: func(s *restartStore, _ string) { s.prepared(now.Add(time.Minute)) }, off: true},
		"too late":        {end: func(s *restartStore, _ string) { s.prepared(now.Add(-time.Second)) }, log: "the grace period ended"},
		"clock went back": {end: func(s *restartStore, _ string) { s.prepared(now.Add(time.Hour)) }, log: "the grace period ended"},
		"cut off":         {end: func(*restartStore, string) {}, want: outage},
		"cut off long ago": {end: func(_ *restartStore, dir string) {
			long := now.Add(-3 * time.Minute)
			os.Chtimes(path(dir), long, long)
		}, log: "longer ago"},
		"alive till the end": {end: func(s *restartStore, dir string) {
			long := now.Add(-3 * time.Minute)
			os.Chtimes(path(dir), long, long)
			s.keep()
		}, want: outage},
		"another machine": {end: func(_ *restartStore, dir string) {
			data, _ := json.Marshal(lastRun{Forwarding: "elsewhere"})
			os.WriteFile(path(dir), data, 0o600)
		}, log: "has no routes of it"},
		"damaged": {end: func(_ *restartStore, dir string) { os.WriteFile(path(dir), []byte("{"), 0o600) }, log: "is lost"},
	} {
		t.Run(name, func(t *testing.T) {
			dir, log, enabled := t.TempDir(), &bytes.Buffer{}, true
			open := func() *restartStore { return newRestartStore(dir, newLogger(log), func() bool { return enabled }) }
			s := open()
			if _, graceful := s.begin(now, interval); graceful {
				t.Fatal("the first start is graceful")
			}
			c.end(s, dir)
			enabled = !c.off
			log.Reset()
			got, graceful := open().begin(now, interval)
			if got.Left = got.Left.Round(time.Second); got != c.want || graceful != (c.want.Left > 0) {
				t.Errorf("%+v %t, want %+v", got, graceful, c.want)
			}
			if c.log == "" && log.Len() > 0 || !strings.Contains(log.String(), c.log) {
				t.Errorf("log %q, want %q", log, c.log)
			}
			if _, err := os.Stat(path(dir)); (err == nil) != enabled {
				t.Errorf("enabled %t, file: %v", enabled, err)
			}
		})
	}
}
