package tunnel

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// Limits of what is read of files that anybody may have written.
const (
	maxFile  = 1 << 20 // bytes
	maxDepth = 10      // of files that name files, as in OpenVPN
)

// options reads those options of OpenVPN that name far ends, see openvpn(8).
type options struct {
	folders []string // where relative names of files begin, the first that has one
	depth   int
	found   *peers
}

// commandLine reads "--option value …", or the name of a file as the only argument.
func (o *options) commandLine(args []string) {
	if len(args) == 1 && !strings.HasPrefix(args[0], "--") {
		o.file(args[0])
		return
	}
	for i := 0; i < len(args); {
		end := i + 1
		for end < len(args) && !strings.HasPrefix(args[end], "--") {
			end++
		}
		if name, ok := strings.CutPrefix(args[i], "--"); ok {
			o.option("its command line", append([]string{name}, args[i+1:end]...))
		}
		i = end
	}
}

// option takes one option with its values; place is where it stands.
func (o *options) option(place string, words []string) {
	if len(words) < 2 {
		return
	}
	switch value := words[1]; words[0] {
	case "remote", "http-proxy", "socks-proxy": // a proxy is whom the packets go to
		if a, err := netip.ParseAddr(value); err == nil {
			o.found.add(a)
		} else {
			o.found.name(fmt.Sprintf("OpenVPN, %s: %s %.255s", place, words[0], value), value)
		}
	case "cd":
		if filepath.IsAbs(value) { // else the process has gone there already
			o.folders = []string{value}
		}
	case "config":
		o.file(value)
	}
}

// path is where a file is.
func (o *options) path(name string) string {
	if filepath.IsAbs(name) {
		return name
	}
	for _, folder := range o.folders {
		path := filepath.Join(folder, name)
		if _, err := os.Lstat(path); err == nil || len(o.folders) == 1 {
			return path
		}
	}
	return name
}

// file reads a configuration file.
func (o *options) file(name string) {
	name = o.path(name)
	if o.depth++; o.depth > maxDepth {
		o.found.errorf("OpenVPN: %s: more than %d files within files", name, maxDepth)
		return
	}
	defer func() { o.depth-- }()
	text, err := readFile(name)
	if err != nil {
		o.found.errorf("OpenVPN: %w: write the addresses of its far ends in wan.endpoints", err)
		return
	}
	inline := "" // the tag that ends the file within the file
	for line := range strings.Lines(string(text)) {
		words := split(line)
		switch {
		case inline != "":
			if strings.HasPrefix(strings.TrimSpace(line), inline) {
				inline = ""
			}
		case len(words) == 0:
		case words[0] == "<connection>" || words[0] == "</connection>": // these hold options
		case len(words) == 1 && strings.HasPrefix(words[0], "<") && strings.HasSuffix(words[0], ">"):
			inline = "</" + words[0][1:]
		default:
			words[0] = strings.TrimPrefix(words[0], "--")
			o.option(name, words)
		}
	}
}

// readFile reads a regular file of bounded size; a pipe would never end.
func readFile(name string) ([]byte, error) {
	f, err := os.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	refuse := func(why string) error { return &fs.PathError{Op: "read", Path: name, Err: errors.New(why)} }
	if info, err := f.Stat(); err != nil {
		return nil, err
	} else if !info.Mode().IsRegular() {
		return nil, refuse("it is no file")
	}
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(text) > maxFile {
		err = refuse("it is longer than 1 MiB")
	}
	return bytes.TrimPrefix(text, []byte("\ufeff")), err
}

// split splits a line of a file into words as OpenVPN does: '…' and "…" hold blanks together, \ takes the next
// character as it is, except between '…', and # or ; at the begin of a word end the line.
func split(line string) (words []string) {
	var word strings.Builder
	var quote rune
	inside, escaped := false, false
	for _, c := range strings.TrimRight(line, "\r\n") {
		switch blank := c == ' ' || c == '\t'; {
		case escaped:
			word.WriteRune(c)
			escaped = false
		case c == '\\' && quote != '\'':
			inside, escaped = true, true
		case quote != 0 && c == quote:
			quote = 0
		case quote != 0:
			word.WriteRune(c)
		case !inside && (c == '#' || c == ';'):
			return words
		case c == '"' || c == '\'':
			inside, quote = true, c
		case !blank:
			inside = true
			word.WriteRune(c)
		case inside:
			words = append(words, word.String())
			word.Reset()
			inside = false
		}
	}
	if inside {
		words = append(words, word.String())
	}
	return words
}
