package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"
)

// Errors that a caller can act upon; test with [errors.Is].
var (
	// ErrUnreachable says that no daemon answers on the socket.
	ErrUnreachable = errors.New("no daemon answers")
	// ErrNotFound says that the daemon answers and has no such thing.
	ErrNotFound = errors.New("not found")
	// ErrRefused says that the daemon does not do what it was told, and why.
	ErrRefused = errors.New("refused")
)

// maxAnswer bounds what a client reads, bytes.
const maxAnswer = 1 << 30

// Client asks the daemon behind one socket. It is safe for concurrent use.
type Client struct {
	socket string
	http   *http.Client
}

// NewClient returns a client of the daemon on socket; it does not connect yet.
func NewClient(socket string) *Client {
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", socket)
	}
	return &Client{socket, &http.Client{Transport: &http.Transport{DialContext: dial, MaxIdleConns: 1}}}
}

// Body returns the daemon's answer as it came: JSON of the type that belongs
// to path, which may carry a query.
func (c *Client) Body(ctx context.Context, path string) ([]byte, error) {
	return c.request(ctx, http.MethodGet, path, nil)
}

// Order tells the daemon to do what belongs to path; it returns its status after that.
func (c *Client) Order(ctx context.Context, path string) (Status, error) {
	var s Status
	body, err := c.request(ctx, http.MethodPost, path, nil)
	if err == nil {
		err = c.decode(path, body, &s)
	}
	return s, err
}

// Plan asks what the daemon would do with the text of a configuration file; key files are looked
// for beside name. The answer is a [Plan] as it came.
func (c *Client) Plan(ctx context.Context, name string, text []byte) ([]byte, error) {
	query := url.Values{"name": {name}}
	return c.request(ctx, http.MethodPost, PathPlan+"?"+query.Encode(), bytes.NewReader(text))
}

func (c *Client) request(ctx context.Context, method, path string, body io.Reader) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, method, "http://ecmpd"+path, body)
	if err != nil {
		return nil, fmt.Errorf("ask %s: %w", path, err)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, c.unreachable(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return nil, c.unreachable(err)
	}
	if resp.StatusCode != http.StatusOK {
		return nil, refusal(resp.StatusCode, answer)
	}
	return answer, nil
}

// Get decodes the daemon's answer into v, a pointer to the type that belongs
// to path.
func (c *Client) Get(ctx context.Context, path string, v any) error {
	body, err := c.Body(ctx, path)
	if err != nil {
		return err
	}
	return c.decode(path, body, v)
}

func (c *Client) decode(path string, body []byte, v any) error {
	if err := json.Unmarshal(body, v); err != nil {
		return fmt.Errorf("answer of the daemon on %s to %s: %w", c.socket, path, err)
	}
	return nil
}

// unreachable says which socket, why, and what to do about it.
func (c *Client) unreachable(err error) error {
	if errors.Is(err, context.Canceled) {
		return err
	}
	// The URL and the calls in the transport's error tell a reader nothing.
	var request *url.Error
	var cause syscall.Errno
	if errors.As(err, &cause) {
		err = cause
	} else if errors.As(err, &request) {
		err = request.Err
	}
	advice := "is the daemon running?"
	switch {
	case errors.Is(err, fs.ErrPermission):
		advice = "run as root or as a member of the socket's group"
	case errors.Is(err, context.DeadlineExceeded):
		advice = "it took too long"
	case errors.Is(err, fs.ErrNotExist):
		advice = "is the daemon running, and with this --socket?"
	}
	return fmt.Errorf("%w on %s: %w; %s", ErrUnreachable, c.socket, err, advice)
}

// refusal turns an answer other than 200 into an error.
func refusal(code int, body []byte) error {
	var p problem
	if json.Unmarshal(body, &p) != nil || p.Error == "" {
		p.Error = http.StatusText(code)
	}
	if code == http.StatusNotFound {
		text := strings.TrimSuffix(p.Error, ": "+ErrNotFound.Error())
		return fmt.Errorf("%s: %w", text, ErrNotFound)
	}
	return fmt.Errorf("daemon: %s", p.Error)
}
