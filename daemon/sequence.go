package daemon

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/ecmpd/ecmpd/ospf"
)

// sequenceFile holds the cryptographic sequence numbers that are used up, in the
// state directory.
const sequenceFile = "ospf-sequence.json"

// sequenceStore keeps sequence numbers where they survive the end of the daemon,
// however it ends.
type sequenceStore struct {
	path  string
	log   *logrus.Logger
	inbox *mailbox[ospf.Reserve]
}

// stored is the content of the file.
type stored struct {
	Boot     uint32 `json:"boot"`
	Sequence uint32 `json:"sequence"`
}

func newSequenceStore(dir string, log *logrus.Logger) *sequenceStore {
	return &sequenceStore{path: filepath.Join(dir, sequenceFile), log: log, inbox: newMailbox[ospf.Reserve]()}
}

// begin counts a start and returns where the engine goes on. A file that is not
// there, or damaged, is replaced by the clock: its seconds are more than one boot
// count a second since 1970 has used up (RFC 7474 2).
func (s *sequenceStore) begin(now time.Time) ospf.Sequences {
	old := stored{Boot: uint32(min(max(now.Unix(), 0), math.MaxUint32-1))}
	data, err := os.ReadFile(s.path)
	var read stored
	if err == nil {
		err = json.Unmarshal(data, &read)
	}
	switch {
	case err == nil:
		old = read
	case !errors.Is(err, fs.ErrNotExist):
		s.log.WithError(err).Warnf("%s is lost: sequence numbers of authentication begin at the clock", s.path)
	}
	old.Boot++
	s.write(old)
	return ospf.Sequences{Boot: old.Boot, First: old.Sequence}
}

// run writes what the engine reserves until ctx ends.
func (s *sequenceStore) run(ctx context.Context) error {
	for {
		list := s.inbox.take(ctx)
		if list == nil {
			return nil
		}
		last := list[len(list)-1]
		s.write(stored(last))
	}
}

func (s *sequenceStore) write(v stored) {
	if err := replaceFile(s.path, v); err != nil {
		s.log.WithError(err).Warn("sequence numbers of authentication are not kept: after a restart with a clock that went back neighbours refuse our packets")
	}
}

// replaceFile writes a value as JSON. A crash of daemon or machine leaves the old
// file or the new one; when it returns, the new one.
func replaceFile(path string, v any) error {
	data, err := json.Marshal(v)
	if err != nil {
		return err
	}
	draft := path + ".new"
	f, err := os.OpenFile(draft, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(append(data, '\n'))
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("write %s: %w", draft, err)
	}
	if err := os.Rename(draft, path); err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
