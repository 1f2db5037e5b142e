package config

import _ "embed"

//go:embed reference.yaml
var reference string

// Reference returns a configuration file that holds every key with its default,
// unit and range. It loads as it stands.
func Reference() string { return reference }
