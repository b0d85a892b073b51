package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

const (
	defaultFile = "default.yaml"
	maxErrors   = 20      // told of one file
	maxSecret   = 1 << 16 // bytes of a secret's file
)

// Load reads the file at path over the defaults; "" gives the defaults alone.
func Load(path string) (*Config, error) {
	if path == "" {
		c := &Config{}
		return c, c.read(defaultFile, defaults)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	return Parse(path, data)
}

// Parse reads data over the defaults. The name stands in errors.
func Parse(name string, data []byte) (*Config, error) {
	c, err := Load("")
	if err != nil {
		return nil, err
	}
	c.File = name
	if err := c.read(name, data); err != nil {
		return nil, err
	}
	return c, nil
}

// read decodes a document over what c holds, and checks the outcome.
func (c *Config) read(file string, data []byte) error {
	d := &decoder{file: file, lines: map[string]int{}}
	if root := d.document(data); root != nil {
		d.config(root, c)
	}
	if len(d.errs) == 0 {
		d.check(c)
	}
	if n := len(d.errs); n > maxErrors {
		d.errs = append(d.errs[:maxErrors], fmt.Errorf("%s: and %d more mistakes", file, n-maxErrors))
	}
	return errors.Join(d.errs...)
}

// document parses the one document that a file must hold; nil after an error.
func (d *decoder) document(data []byte) *yaml.Node {
	var first, second yaml.Node
	parser := yaml.NewDecoder(bytes.NewReader(data))
	switch err := parser.Decode(&first); {
	case err == io.EOF:
		d.errorf(1, "no document, expected apiVersion: %s", APIVersion)
		return nil
	case err != nil:
		d.syntax(data, err)
		return nil
	}
	switch err := parser.Decode(&second); {
	case err == nil:
		d.errorf(second.Line, "a second document begins here, expected one")
		return nil
	case err != io.EOF:
		d.syntax(data, err)
		return nil
	}
	return first.Content[0]
}

// The parser counts lines from 1 when it reads characters, but from 0 when it
// puts words together (go.yaml.in/yaml/v3 decode.go, fail).
var (
	yamlError = regexp.MustCompile(`^yaml: (?:line (\d+): )?`)
	fromZero  = regexp.MustCompile(`^did not find expected (<|node content|'-'|key|',')`)
)

// syntax adds an error of the parser in our form. The parser has no word for
// tabs, the most common mistake.
func (d *decoder) syntax(data []byte, err error) {
	for i, line := range strings.Split(string(data), "\n") {
		indent := line[:len(line)-len(strings.TrimLeft(line, " \t"))]
		if strings.Contains(indent, "\t") {
			d.errorf(i+1, "a tab in the indentation, expected spaces")
			return
		}
	}
	m := yamlError.FindStringSubmatch(err.Error())
	if m == nil || m[1] == "" {
		d.errs = append(d.errs, fmt.Errorf("%s: not YAML: %s", d.file, strings.TrimPrefix(err.Error(), "yaml: ")))
		return
	}
	line, _ := strconv.Atoi(m[1])
	what := err.Error()[len(m[0]):]
	if fromZero.MatchString(what) {
		line++
	}
	d.errorf(line, "not YAML: %s", what)
}

// ReadSecret reads the file that a *File key names, without the newline at its
// end. Errors name the path, never what the file holds.
func ReadSecret(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("read secret: %w", err)
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxSecret+1))
	if err != nil {
		return "", fmt.Errorf("read secret: %w", err)
	}
	if len(b) > maxSecret {
		return "", fmt.Errorf("read secret: %s: more than %d bytes, expected a token or an address", path, maxSecret)
	}
	s := strings.TrimSuffix(strings.TrimSuffix(string(b), "\n"), "\r")
	if strings.TrimSpace(s) == "" {
		return "", fmt.Errorf("read secret: %s: the file is empty\nwrite the token or the webhook's address into it, and nothing else", path)
	}
	return s, nil
}
