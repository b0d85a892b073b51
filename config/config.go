// Package config is what an operator may set: one file, apiVersion
// segproof.dev/v1, kind Config.
//
// The file default.yaml is embedded and read first, so that the documented
// default is the default; its comments are the manual of every key. A file of
// the operator's is read over it: a key that is given replaces the default, a
// list as a whole.
//
// # Design
//
// Reading is strict, since a key that is misspelt and passed over is a setting
// that silently does not hold: unknown keys, keys given twice, values of a wrong
// type and second documents are errors that name file, line and what was
// expected. All mistakes of a file are told at once.
//
// Secrets are paths to files, never values, and no error shows a value that
// looks like one.
//
// This package knows no other of ours. What it can't check, such as whether a
// rule of that name exists, is checked by who can: [Name] keeps the line, and
// [Config.At] says where it was written.
package config

import (
	_ "embed"
	"fmt"
	"time"
)

// The only version and kind of file that is read.
const (
	APIVersion = "segproof.dev/v1"
	Kind       = "Config"
)

//go:embed default.yaml
var defaults []byte

// Config is what an operator may set. default.yaml says what each key means.
type Config struct {
	File             string // where it was read from; "" for the defaults
	Cluster          string
	FailOn           string
	RequireCoverage  int
	Settle           time.Duration
	Owner            Owner
	SystemNamespaces []string
	Rules            Rules
	Hubble           Hubble
	Slack            Slack
	Watch            Watch
	Store            Store
	Exceptions       []Exception
	Upload           Upload
	Sarif            Sarif
	Openreports      Openreports
}

// Owner says how the owner of an object is found.
type Owner struct {
	Keys []string // labels and annotations, first match wins
}

// Rules turns rules off, and on those that are off by default.
type Rules struct {
	Off, On []Name
}

// A Name of something that only another package knows, and the line in which
// it was written.
type Name struct {
	Value string
	Line  int
}

// Hubble says where flows are read.
type Hubble struct {
	Address string // host:port or unix:///path; "" for none
	TLS     TLS
}

// TLS is wanted as soon as one of its keys is set. All but the server's name
// are paths to PEM files.
type TLS struct {
	CA, Cert, Key, ServerName string
}

// Enabled tells whether the connection is to be encrypted.
func (t TLS) Enabled() bool { return t != TLS{} }

// At says where a line of the configuration is, to begin an error with.
func (c *Config) At(line int) string {
	file := c.File
	if file == "" {
		file = defaultFile
	}
	return fmt.Sprintf("%s:%d", file, line)
}
