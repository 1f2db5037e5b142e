package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// scripts are those of the importer's own tests.
const scripts = "../../routeros/testdata"

// What is printed goes two ways: the configuration to a file, the rest to whoever looks.
func TestImport(t *testing.T) {
	t.Chdir(scripts)
	code, stdout, stderr := ecmpd(t, "import", "routeros", "seed-003.rsc")
	if code != 0 {
		t.Fatalf("exit code %d, %s", code, stderr)
	}
	path := filepath.Join(t.TempDir(), "imported.yaml")
	if err := os.WriteFile(path, []byte(stdout), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, _, stderr := ecmpd(t, "check", "--config", path); code != 0 {
		t.Errorf("check: exit code %d, %s", code, stderr)
	}
	for _, want := range []string{
		"seed-003.rsc:15:79: mark-unused: ", "seed-003.rsc:17:82: mark-overridden: ", "seed-003.rsc:21:35: gateway-own-address: ",
		"   21 | add dst-address=0.0.0.0/0 gateway=10.111.0.2 routing-mark=to_wla2\n      |                                   ^\n", "\nNot taken over:\n",
	} {
		if !strings.Contains(stderr, want) {
			t.Errorf("stderr lacks %q:\n%s", want, stderr)
		}
	}
}

func TestImportJSON(t *testing.T) {
	code, stdout, stderr := ecmpd(t, "import", "routeros", filepath.Join(scripts, "seed-001.rsc"), "-o", "json")
	var body struct {
		Version, YAML string
		Findings      []map[string]any
		NotTakenOver  []map[string]any
	}
	if err := json.Unmarshal([]byte(stdout), &body); err != nil || code != 0 || stderr != "" {
		t.Fatalf("exit code %d, %v, %s", code, err, stderr)
	}
	if len(body.Findings) < 10 || body.Findings[1]["kind"] != "empty-value" || body.Findings[1]["level"] != "mistake" || len(body.NotTakenOver) == 0 ||
		!strings.Contains(body.YAML, "# wan:") {
		t.Error(stdout)
	}
}

// No secret of a script is in what people paste into forums.
func TestImportSecrets(t *testing.T) {
	for _, name := range []string{"ospf-v6.rsc", "ospf-v7.rsc", "bgp-v6.rsc", "dhcp-pppoe.rsc"} {
		_, stdout, stderr := ecmpd(t, "import", "routeros", filepath.Join(scripts, name))
		for _, secret := range []string{"topsecret", "waytoolong", "quoted", "hush", "s3cret"} {
			if strings.Contains(stderr, secret) {
				t.Errorf("%s: %q is in\n%s", name, secret, stderr)
			}
		}
		if name == "dhcp-pppoe.rsc" && strings.Contains(stdout, "s3cret") {
			t.Errorf("%s: a secret that ecmpd has no use for is in\n%s", name, stdout)
		}
	}
}

func TestImportCodes(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for _, row := range []struct {
		args   []string
		code   int
		stderr string
	}{
		{[]string{"import", "routeros", file("prose", "It was a dark night.\n")}, 4, "a command of RouterOS in "},
		{[]string{"import", "routeros", file("empty", "")}, 4, "not found"},
		{[]string{"import", "routeros", filepath.Join(dir, "absent")}, 1, "no such file"},
		{[]string{"import", "routeros", dir}, 1, "is a directory"},
		{[]string{"import", "routeros", file("large", strings.Repeat("#\n", 9<<20))}, 1, "larger than 16 MiB"},
		{[]string{"import", "routeros"}, 2, "accepts 1 arg"},
		{[]string{"import", "routeros", "-o", "table", "x"}, 2, "it is yaml or json"},
		{[]string{"import", "routerso", "x"}, 2, "did you mean routeros"},
		{[]string{"import"}, 2, "a command is missing"},
	} {
		code, _, stderr := ecmpd(t, row.args...)
		if code != row.code || !strings.Contains(stderr, row.stderr) {
			t.Errorf("%v: exit code %d, %q, want %d, %q", row.args, code, stderr, row.code, row.stderr)
		}
	}
}
