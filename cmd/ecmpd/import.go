package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/ecmpd/ecmpd/api"
	"github.com/ecmpd/ecmpd/config"
	"github.com/ecmpd/ecmpd/routeros"
)

func newImport() *cobra.Command {
	cmd := group(&cobra.Command{Use: "import", Short: "Turn the configuration of another router into one of ecmpd"})
	cmd.AddCommand(newImportRouterOS())
	return cmd
}

func newImportRouterOS() *cobra.Command {
	out := imported("yaml")
	cmd := &cobra.Command{
		Use:   "routeros FILE",
		Short: "Turn a RouterOS script or export into a configuration",
		Long: `Turn a RouterOS script or export (version 6 or 7) into a configuration. The YAML
goes to standard output, each key with the line that it is from, and "ecmpd check"
accepts it: what is incomplete or not certain is commented out, with the reason. What is
wrong with the script, and what was not taken over and why, goes to stderr.
With "-" as FILE, standard input is read. Nothing is started or changed.

The exit code is 0 when there is a configuration, whatever was found, and 4 when
the file holds no command of RouterOS.`,
		Example: "  ecmpd import routeros export.rsc > ecmpd.yaml\n  ecmpd import routeros export.rsc -o json | jq .findings",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			name, text, err := readScript(cmd.InOrStdin(), args[0])
			if err != nil {
				return err
			}
			r, err := routeros.Import(name, text)
			switch {
			case err != nil:
				return err
			case r.Commands == 0:
				return fmt.Errorf("a command of RouterOS in %s: %w", name, api.ErrNotFound)
			}
			if _, err := config.Parse(name+" as YAML", []byte(r.YAML)); err != nil {
				return fmt.Errorf("the import made a configuration that is wrong, please report it with the script: %w", err)
			}
			if out == "json" {
				return printImportJSON(cmd.OutOrStdout(), name, r)
			}
			printImport(cmd.ErrOrStderr(), name, r)
			_, err = io.WriteString(cmd.OutOrStdout(), r.YAML)
			return err
		},
	}
	cmd.Flags().VarP(&out, "output", "o", "how to print")
	return cmd
}

// imported is the value of --output here: the configuration or all there is.
type imported string

// String implements [pflag.Value].
func (f *imported) String() string { return string(*f) }

// Set implements [pflag.Value].
func (f *imported) Set(s string) error {
	if s != "yaml" && s != "json" {
		return fmt.Errorf("it is yaml or json")
	}
	*f = imported(s)
	return nil
}

// Type implements [pflag.Value].
func (f *imported) Type() string { return "yaml|json" }

// readScript reads a file, or standard input for "-".
func readScript(stdin io.Reader, path string) (name, text string, err error) {
	in := stdin
	name = "standard input"
	if path != "-" {
		f, err := os.Open(path)
		if err != nil {
			return "", "", err
		}
		defer f.Close()
		in, name = f, path
	}
	// One byte beyond the limit is enough to see that it is too large.
	data, err := io.ReadAll(io.LimitReader(in, routeros.MaxSize+1))
	if err != nil {
		return "", "", fmt.Errorf("%s: %w", name, err)
	}
	return name, string(data), nil
}

// printImport lists what was found and what was not taken over.
func printImport(w io.Writer, name string, r routeros.Result) {
	for _, f := range r.Findings {
		problem := config.Problem{File: name, Line: f.Line, Column: f.Column, Message: string(f.Kind) + ": " + f.Message, Source: f.Source}
		note := ""
		if f.Note {
			note = " (note)"
		}
		fmt.Fprintf(w, "%s%s\n", problem, note)
		if f.Source != "" {
			fmt.Fprintln(w, problem.Excerpt())
		}
	}
	if len(r.Skipped) > 0 {
		fmt.Fprintln(w, "Not taken over:")
	}
	for _, s := range r.Skipped {
		more := ""
		if s.Count > 1 {
			more = fmt.Sprintf(" and %d more to line %d", s.Count-1, s.End)
		}
		fmt.Fprintf(w, "%s:%d: %s%s\n    %s\n", name, s.Line, s.What, more, s.Why)
	}
}

// importBody is what -o json prints.
type importBody struct {
	File         string          `json:"file"`
	Version      string          `json:"version"`
	YAML         string          `json:"yaml"`
	Findings     []importFinding `json:"findings"`
	NotTakenOver []importSkipped `json:"notTakenOver"`
}

type importFinding struct {
	Line    int    `json:"line"`
	Column  int    `json:"column"`
	Kind    string `json:"kind"`
	Level   string `json:"level"` // mistake or note
	Message string `json:"message"`
	Source  string `json:"source"`
}

type importSkipped struct {
	Line   int    `json:"line"`
	Column int    `json:"column"`
	End    int    `json:"endLine"`
	Count  int    `json:"count"` // of commands; 0 when the lines are none
	What   string `json:"what"`
	Why    string `json:"why"`
}

func printImportJSON(w io.Writer, name string, r routeros.Result) error {
	body := importBody{File: name, Version: r.Version, YAML: r.YAML, Findings: []importFinding{}, NotTakenOver: []importSkipped{}}
	for _, f := range r.Findings {
		level := "mistake"
		if f.Note {
			level = "note"
		}
		body.Findings = append(body.Findings, importFinding{f.Line, f.Column, string(f.Kind), level, f.Message, f.Source})
	}
	for _, s := range r.Skipped {
		body.NotTakenOver = append(body.NotTakenOver, importSkipped{s.Line, s.Column, s.End, s.Count, s.What, s.Why})
	}
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(body)
}
