// Package wan decides which of several Internet uplinks carry traffic, and what
// policy rules, tables and firewall chains say so.
//
// Files: config.go (what is wanted).
package wan
