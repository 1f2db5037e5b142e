// Package docs_test holds the documents against the code that they speak of.
package docs_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// Everything that the documents name exists, and each section that names code
// names a test as well.
func TestRFCs(t *testing.T) {
	code, tests, err := declarations("..")
	if err != nil {
		t.Fatal(err)
	}
	for name, least := range map[string]int{"rfc2328.md": 100, "rfc5880.md": 35, "rfc3623.md": 10} {
		document, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		rows := tableRows(string(document))
		if len(rows) < least {
			t.Errorf("%s: %d rows found: has the format changed?", name, len(rows))
		}
		for _, problem := range problems(rows, code, tests) {
			t.Errorf("%s: %s", name, problem)
		}
	}
}

// Every scenario that the comparison with other makes names is one, and each row names what proves it with each make.
func TestInterop(t *testing.T) {
	_, tests, err := declarations("..")
	if err != nil {
		t.Fatal(err)
	}
	document, err := os.ReadFile("interop.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := tableRows(string(document))
	if len(rows) < 30 {
		t.Errorf("%d rows found: has the format changed?", len(rows))
	}
	for _, r := range rows {
		for _, peer := range []string{"FRR", "BIRD"} {
			names, ok := r.names(peer)
			i := slices.Index(r.head, peer)
			if !ok || len(names) == 0 && !strings.HasPrefix(r.cells[i], "—") && !strings.HasPrefix(r.cells[0], "**") {
				t.Errorf("%s: nothing proves it with %s", r.cells[0], peer)
			}
			for _, name := range names {
				if !tests["integration."+name] {
					t.Errorf("%s: integration.%s is no test", r.cells[0], name)
				}
			}
		}
	}
}

// The test itself: what it must find.
func TestProblems(t *testing.T) {
	code, tests := set("ospf.nsm", "ospf.neighbor.event"), set("ospf.TestNSM")
	const (
		strict = "| section | what | code | tests |\n|---|---|---|---|\n"
		lax    = "| section | departure | reason | tests |\n|---|---|---|---|\n"
	)
	for _, c := range []struct{ name, text, want string }{
		{"sound", strict + "| 1 | x | `ospf.nsm` `ospf.neighbor.event` | `ospf.TestNSM` |", ""},
		{"no such function", strict + "| 1 | x | `ospf.neighbor.gone` | `ospf.TestNSM` |", "1: ospf.neighbor.gone is not in the code"},
		{"no such test", strict + "| 1 | x | `ospf.nsm` | `ospf.TestGone` |", "1: ospf.TestGone is no test"},
		{"no test", strict + "| 1 | x | `ospf.nsm` | |", "1: no test"},
		{"no code", strict + "| 1 | x | | `ospf.TestNSM` |", "1: no code"},
		{"not in code quotes", strict + "| 1 | x | ospf.gone | `ospf.TestNSM` |", "1: no code"},
		{"cell missing", strict + "| 1 | x | `ospf.nsm` |", "1: 3 cells where the head has 4"},
		{"second row", strict + "| 1 | x | `ospf.nsm` | `ospf.TestNSM` |\n| 2 | x | `ospf.nsm` | `ospf.TestGone` |", "2: ospf.TestGone is no test"},
		{"departure", lax + "| 1 | x | y | |", ""},
		{"departure, no such test", lax + "| 1 | x | y | `ospf.TestGone` |", "1: ospf.TestGone is no test"},
	} {
		if got := strings.Join(problems(tableRows(c.text), code, tests), "\n"); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

// row is one row of a table, with the table's head.
type row struct{ head, cells []string }

// names lists what the cell of a column names in code quotes; ok is false when
// the table has no such column.
func (r row) names(column string) (list []string, ok bool) {
	i := slices.Index(r.head, column)
	if i < 0 {
		return nil, false
	}
	for _, m := range quoted.FindAllStringSubmatch(r.cells[i], -1) {
		list = append(list, m[1])
	}
	return list, true
}

var quoted = regexp.MustCompile("`([^`]+)`")

// tableRows returns the rows of all tables of a document.
func tableRows(document string) []row {
	var rows []row
	var head []string
	for line := range strings.Lines(document) {
		inner, ok := strings.CutPrefix(strings.TrimSpace(line), "|")
		if !ok {
			head = nil
			continue
		}
		cells := strings.Split(strings.TrimSuffix(inner, "|"), "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		switch {
		case head == nil:
			head = cells
		case !strings.HasPrefix(cells[0], "---"):
			rows = append(rows, row{head, cells})
		}
	}
	return rows
}

func problems(rows []row, code, tests map[string]bool) (list []string) {
	for _, r := range rows {
		add := func(format string, args ...any) {
			list = append(list, r.cells[0]+": "+fmt.Sprintf(format, args...))
		}
		if len(r.cells) != len(r.head) {
			add("%d cells where the head has %d", len(r.cells), len(r.head))
			continue
		}
		inCode, implemented := r.names("code")
		inTests, _ := r.names("tests")
		if implemented && len(inCode) == 0 {
			add("no code")
		}
		if implemented && len(inTests) == 0 {
			add("no test")
		}
		for _, name := range inCode {
			if !code[name] {
				add("%s is not in the code", name)
			}
		}
		for _, name := range inTests {
			if !tests[name] {
				add("%s is no test", name)
			}
		}
	}
	return list
}

// declarations lists what all packages below root declare, as package.Name or
// package.Type.Method, and their tests and fuzz targets.
func declarations(root string) (code, tests map[string]bool, err error) {
	code, tests = map[string]bool{}, map[string]bool{}
	err = filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		switch name := entry.Name(); {
		case err != nil:
			return err
		case entry.IsDir() && path != root && (strings.HasPrefix(name, ".") || name == "testdata"):
			return filepath.SkipDir
		case entry.IsDir() || !strings.HasSuffix(name, ".go"):
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		pkg := strings.TrimSuffix(file.Name.Name, "_test") + "."
		inTest := strings.HasSuffix(path, "_test.go")
		for _, name := range declared(file) {
			switch {
			case !inTest:
				code[pkg+name] = true
			case strings.HasPrefix(name, "Test") || strings.HasPrefix(name, "Fuzz"):
				tests[pkg+name] = true
			}
		}
		return nil
	})
	return code, tests, err
}

// declared lists the top-level names of a file; methods follow their type.
func declared(file *ast.File) (list []string) {
	for _, d := range file.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			if d.Recv == nil {
				list = append(list, d.Name.Name)
			} else if receiver := typeName(d.Recv.List[0].Type); receiver != "" {
				list = append(list, receiver+"."+d.Name.Name)
			}
		case *ast.GenDecl:
			for _, s := range d.Specs {
				switch s := s.(type) {
				case *ast.TypeSpec:
					list = append(list, s.Name.Name)
				case *ast.ValueSpec:
					for _, name := range s.Names {
						list = append(list, name.Name)
					}
				}
			}
		}
	}
	return list
}

// typeName returns the name of a receiver's type; empty for a generic one.
func typeName(e ast.Expr) string {
	if star, ok := e.(*ast.StarExpr); ok {
		e = star.X
	}
	if id, ok := e.(*ast.Ident); ok {
		return id.Name
	}
	return ""
}

func set(names ...string) map[string]bool {
	m := map[string]bool{}
	for _, n := range names {
		m[n] = true
	}
	return m
}
