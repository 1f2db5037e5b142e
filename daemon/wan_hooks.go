package daemon

import (
	"bytes"
	"context"
	"encoding/json"
	"os/exec"
	"strings"
	"time"

	"github.com/sirupsen/logrus"

	"github.com/ecmpd/ecmpd/wan"
)

const (
	hookTimeout = 10 * time.Second
	hookQueue   = 32 // events that wait for the commands
)

// hookEvent is what a command of wan.on-change reads.
type hookEvent struct {
	Uplink string    `json:"uplink"`
	State  string    `json:"state"` // up, down
	Reason string    `json:"reason"`
	Time   time.Time `json:"time"`
}

// hooks runs the commands of wan.on-change, one after the other.
type hooks struct {
	log   *logrus.Logger
	queue chan hookJob
}

type hookJob struct {
	commands []string
	event    hookEvent
}

func newHooks(log *logrus.Logger) *hooks {
	return &hooks{log: log, queue: make(chan hookJob, hookQueue)}
}

// tell has the commands run for an event; it never waits for them.
func (h *hooks) tell(commands []string, e wan.Event) {
	if len(commands) == 0 {
		return
	}
	state := "down"
	if e.Up {
		state = "up"
	}
	select {
	case h.queue <- hookJob{commands, hookEvent{e.Name, state, e.Reason, time.Now().UTC()}}:
	default:
		h.log.WithField("uplink", e.Name).Warn("wan.on-change: the commands are too slow, they miss a change")
	}
}

// run runs commands until ctx ends.
func (h *hooks) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case j := <-h.queue:
			input, _ := json.Marshal(j.event) // of strings and a time: it cannot fail
			for _, c := range j.commands {
				if err := runHook(ctx, c, input); err != nil {
					h.log.WithError(err).WithField("command", c).Warn("wan.on-change")
				}
			}
		}
	}
}

// runHook runs a command without a shell.
func runHook(ctx context.Context, command string, input []byte) error {
	ctx, cancel := context.WithTimeout(ctx, hookTimeout)
	defer cancel()
	words := strings.Fields(command)
	cmd := exec.CommandContext(ctx, words[0], words[1:]...)
	cmd.Stdin = bytes.NewReader(append(input, '\n'))
	cmd.WaitDelay = time.Second
	return cmd.Run()
}
