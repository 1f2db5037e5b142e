package main

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// commands returns the tree below cmd, without aliases and what cobra brings along.
func commands(cmd *cobra.Command) []*cobra.Command {
	all := []*cobra.Command{cmd}
	for _, sub := range cmd.Commands() {
		if name := sub.Name(); !sub.Hidden && name != "help" && name != "completion" {
			all = append(all, commands(sub)...)
		}
	}
	return all
}

func TestHelp(t *testing.T) {
	var all strings.Builder
	for _, cmd := range commands(newRoot()) {
		args := append(strings.Fields(cmd.CommandPath())[1:], "--help")
		var out, errOut bytes.Buffer
		root := newRoot()
		root.SetOut(&out)
		root.SetErr(&errOut)
		if code := execute(t.Context(), root, args); code != 0 || errOut.Len() > 0 {
			t.Errorf("%s --help: exit code %d\n%s", cmd.CommandPath(), code, &errOut)
		}
		all.WriteString("$ " + cmd.CommandPath() + " --help\n" + out.String() + "\n")
	}
	golden(t, filepath.Join("testdata", "help.golden"), all.String())
}

// The command reference names every command and every flag, and no other.
func TestCommandReference(t *testing.T) {
	text, err := os.ReadFile("../../docs/commands.md")
	if err != nil {
		t.Fatal(err)
	}
	doc := string(text)
	known := map[string]bool{"--help": true, "--unix-socket": true} // the latter is curl's
	for _, cmd := range commands(newRoot()) {
		if path := cmd.CommandPath(); !strings.Contains(doc, path) {
			t.Errorf("docs/commands.md does not name %q", path)
		}
		cmd.Flags().VisitAll(func(f *pflag.Flag) { known["--"+f.Name] = true })
		cmd.PersistentFlags().VisitAll(func(f *pflag.Flag) { known["--"+f.Name] = true })
	}
	named := map[string]bool{}
	for _, flag := range regexp.MustCompile(`--[a-z][a-z-]*`).FindAllString(doc, -1) {
		named[flag] = true
		if !known[flag] {
			t.Errorf("docs/commands.md names %s, which does not exist", flag)
		}
	}
	for flag := range known {
		if !named[flag] {
			t.Errorf("docs/commands.md does not name %s", flag)
		}
	}
	headings := regexp.MustCompile(`(?m)^##+ ecmpd ((?:[a-z-]+ ?)*)`).FindAllStringSubmatch(doc, -1)
	if len(headings) < 10 {
		t.Errorf("%d headings of commands", len(headings))
	}
	for _, h := range headings {
		found, rest, err := newRoot().Find(strings.Fields(h[1]))
		if h[1] != "completion " && (err != nil || len(rest) > 0 || found.CommandPath() != "ecmpd "+strings.TrimSpace(h[1])) {
			t.Errorf("docs/commands.md has a heading for %q, which does not exist", h[1])
		}
	}
}
