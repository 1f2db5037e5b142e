package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ecmpd/ecmpd/api"
)

// Exit codes.
const (
	exitFailed      = 1
	exitUsage       = 2
	exitUnreachable = 3
	exitNotFound    = 4
	exitUnmet       = 5
)

// errUnmet says that what was waited for did not come.
var errUnmet = errors.New("condition not met")

// execute runs the command that args name and returns the exit code.
func execute(ctx context.Context, root *cobra.Command, args []string) int {
	// Whatever fails before a command starts is wrong usage.
	started := false
	root.PersistentPreRun = func(cmd *cobra.Command, _ []string) { started = !cmd.HasSubCommands() }
	root.SilenceErrors, root.SilenceUsage = true, true
	root.SetArgs(args)
	cmd, err := root.ExecuteContextC(ctx)
	if err == nil {
		return 0
	}
	fmt.Fprintf(root.ErrOrStderr(), "ecmpd: %v\n", err)
	if !started {
		fmt.Fprintf(root.ErrOrStderr(), "See '%s --help'.\n", cmd.CommandPath())
		return exitUsage
	}
	return exitCode(err)
}

func exitCode(err error) int {
	switch {
	case errors.Is(err, api.ErrUnreachable):
		return exitUnreachable
	case errors.Is(err, api.ErrNotFound):
		return exitNotFound
	case errors.Is(err, errUnmet):
		return exitUnmet
	}
	return exitFailed
}

// group makes a command that only holds others refuse to be run itself, where
// cobra would print its help and succeed.
func group(cmd *cobra.Command) *cobra.Command {
	cmd.DisableFlagsInUseLine = true
	cmd.SuggestionsMinimumDistance = 2
	cmd.Args = cobra.ArbitraryArgs
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if len(args) == 0 {
			return errors.New("a command is missing")
		}
		return unknownCommand(cmd, args[0])
	}
	return cmd
}

// unknownCommand says that there is no sub-command name of cmd.
func unknownCommand(cmd *cobra.Command, name string) error {
	text := fmt.Sprintf("%s has no command %q", cmd.CommandPath(), name)
	if like := cmd.SuggestionsFor(name); len(like) > 0 {
		text += "; did you mean " + strings.Join(like, " or ") + "?"
	}
	return errors.New(text)
}

// commandArgs takes the words of a command, where cobra would help with another
// command and succeed.
func commandArgs(cmd *cobra.Command, args []string) error {
	found, rest, err := cmd.Root().Find(args)
	if err == nil && len(rest) > 0 {
		err = unknownCommand(found, rest[0])
	}
	return err
}

// noArgs refuses arguments.
func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	return fmt.Errorf("%s takes no argument, and %q is one", cmd.CommandPath(), args[0])
}
