package lab

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// Run runs a command inside the node to its end and returns what it wrote to
// its standard output. The error carries what it wrote to standard error.
func (n *Node) Run(ctx context.Context, argv ...string) (string, error) {
	return n.RunInput(ctx, "", argv...)
}

// RunInput is Run with a standard input.
func (n *Node) RunInput(ctx context.Context, input string, argv ...string) (string, error) {
	var stdout, stderr bytes.Buffer
	err := n.Do(func() error {
		path, err := findCommand(argv[0])
		if err != nil {
			return err
		}
		cmd := exec.CommandContext(ctx, path, argv[1:]...)
		cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(input), &stdout, &stderr
		// The thread stays until the command has ended, so the signal
		// comes only when this program dies.
		cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
		cmd.WaitDelay = time.Second
		return cmd.Run()
	})
	if err != nil {
		said := strings.TrimSpace(stderr.String())
		if said == "" {
			said = strings.TrimSpace(stdout.String())
		}
		return stdout.String(), fmt.Errorf("%s: %s: %w: %s", n.name, strings.Join(argv, " "), err, tail(said, 2000))
	}
	return stdout.String(), nil
}

// findCommand looks where root's PATH may not: a plain `su` keeps the user's.
func findCommand(name string) (string, error) {
	path, err := exec.LookPath(name)
	if err == nil || strings.Contains(name, "/") {
		return path, err
	}
	for _, dir := range []string{"/usr/sbin", "/sbin"} {
		if path, err := exec.LookPath(filepath.Join(dir, name)); err == nil {
			return path, nil
		}
	}
	return "", err
}

// Process is a long-lived program inside a node, in a session of its own.
type Process struct {
	node *Node
	name string
	cmd  *exec.Cmd
	done chan struct{}
	err  error // how it ended, valid when done is closed
}

// Start starts a program that runs until it is stopped or the lab closes. name
// names its log file, to which output is appended.
func (n *Node) Start(name string, argv ...string) (*Process, error) {
	path, err := findCommand(argv[0])
	if err != nil {
		return nil, fmt.Errorf("%s on %s: %w", name, n.name, err)
	}
	p := &Process{node: n, name: name, cmd: exec.Command(path, argv[1:]...), done: make(chan struct{})}
	log, err := os.OpenFile(p.LogFile(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return nil, err
	}
	p.cmd.Stdout, p.cmd.Stderr = log, log
	p.cmd.Dir = n.Dir()
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if !n.lab.keep {
		p.cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
	}
	started := make(chan error, 1)
	go p.supervise(log, started)
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s on %s: %w", name, n.name, err)
	}
	n.mu.Lock()
	n.processes = append(n.processes, p)
	n.mu.Unlock()
	return p, nil
}

// supervise starts the process and waits for it on the same thread: the
// kernel sends the parent-death signal when that thread ends, not the program.
func (p *Process) supervise(log *os.File, started chan<- error) {
	defer close(p.done)
	defer log.Close()
	running := false
	err := p.node.Do(func() error {
		if err := p.cmd.Start(); err != nil {
			return err
		}
		running = true
		started <- nil
		return p.cmd.Wait()
	})
	if !running {
		started <- err
	}
	p.err = err
}

// Done is closed when the process has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Err tells how the process ended; it is nil while it runs.
func (p *Process) Err() error {
	select {
	case <-p.done:
		if p.err == nil {
			return fmt.Errorf("%s on %s ended", p.name, p.node.name)
		}
		return fmt.Errorf("%s on %s: %w", p.name, p.node.name, p.err)
	default:
		return nil
	}
}

// Pid is the process id, which is also the id of its group.
func (p *Process) Pid() int { return p.cmd.Process.Pid }

// LogFile is the file that holds the output of the process.
func (p *Process) LogFile() string { return filepath.Join(p.node.Dir(), p.name+".log") }

// Log returns the last lines of the output, at most about 4 KB.
func (p *Process) Log() string {
	b, err := os.ReadFile(p.LogFile())
	if err != nil {
		return err.Error()
	}
	return tail(string(b), 4096)
}

func tail(s string, n int) string {
	if len(s) > n {
		return "…" + s[len(s)-n:]
	}
	return s
}

// Signal sends a signal to the process alone.
func (p *Process) Signal(s syscall.Signal) error {
	select {
	case <-p.done:
		return p.Err()
	default:
		return p.cmd.Process.Signal(s)
	}
}

// Kill ends the process and its group at once, as a crash would, and waits
// until it is gone.
func (p *Process) Kill() {
	select {
	case <-p.done:
	default:
		// Only the group of a process that has not been waited for: its
		// number cannot belong to somebody else.
		_ = syscall.Kill(-p.Pid(), syscall.SIGKILL)
		<-p.done
	}
}

// Stop asks the process to end and returns an error when it has not done so
// before ctx ends; then it is killed.
func (p *Process) Stop(ctx context.Context) error {
	if err := p.Signal(syscall.SIGTERM); err != nil && p.Err() == nil {
		return err
	}
	select {
	case <-p.done:
		return nil
	case <-ctx.Done():
		p.Kill()
		return errors.Join(fmt.Errorf("%s on %s ignored SIGTERM and was killed", p.name, p.node.name), ctx.Err())
	}
}

// killProcesses ends everything that runs inside the node, also what has left
// its group or changed its user.
func (n *Node) killProcesses() {
	n.mu.Lock()
	processes := n.processes
	n.processes = nil
	n.mu.Unlock()
	for _, p := range processes {
		p.Kill()
	}
	killInside(n.Namespace())
}
