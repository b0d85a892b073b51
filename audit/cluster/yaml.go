package cluster

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"

	"go.yaml.in/yaml/v3"
)

const (
	// maxLocate bounds the search for the line of a mistake.
	maxLocate = 256 << 10
	useSpaces = "a tab is used to indent; YAML wants spaces"
	useHelm   = "this is a Helm template; " + renderFirst

	renderFirst = "render it first: helm template … | segproof audit --manifests -"
)

// helm is what templates hold. Kyverno's variables, {{ request.object }}, are in
// braces too, but in quotes.
var helm = regexp.MustCompile(`\{\{(-|\s*(\.|\$|/\*|(if|else|end|range|with|include|define|template|toYaml|tpl)\b))`)

var yamlLine = regexp.MustCompile(`^yaml: (line \d+: )?`)

// parseYAML parses one document, which begins at line first of its file.
func parseYAML(text []byte, first int) (*yaml.Node, error) {
	n, err := yamlNode(text)
	if err == nil {
		return n, nil
	}
	m := &mistake{first, "not YAML: " + err.Error()}
	if len(text) <= maxLocate {
		at := breaks(text, err.Error())
		m.line += at
		if line := bytes.Split(text, []byte{'\n'})[at]; bytes.ContainsRune(line[:len(line)-len(bytes.TrimLeft(line, " \t"))], '\t') {
			m.text = useSpaces
		}
	}
	if helm.Match(text) {
		m.text = useHelm
	}
	return nil, m
}

// breaks returns the line, from 0, at which a document becomes unreadable. The
// parser's own line is that of the construct around, or one too few.
func breaks(text []byte, problem string) int {
	lines := bytes.SplitAfter(text, []byte{'\n'})
	ends := make([]int, len(lines)) // of the text up to and including each line
	for i, sum := 0, 0; i < len(lines); i++ {
		sum += len(lines[i])
		ends[i] = sum
	}
	low, high := 0, len(lines)-1
	for low < high {
		mid := (low + high) / 2
		if _, err := yamlNode(text[:ends[mid]]); err != nil && err.Error() == problem {
			high = mid
		} else {
			low = mid + 1
		}
	}
	return low
}

// yamlNode parses, and says without a line what is wrong. The parser is not
// trusted with hostile input: should it panic, that is an error too.
func yamlNode(text []byte) (n *yaml.Node, err error) {
	defer func() {
		if p := recover(); p != nil {
			n, err = nil, errors.New("the parser gave up")
		}
	}()
	var doc, more yaml.Node
	d := yaml.NewDecoder(bytes.NewReader(text))
	err = d.Decode(&doc)
	if errors.Is(err, io.EOF) {
		return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!null", Line: 1}, nil
	}
	if err == nil {
		// What can't belong to the document would be another one.
		if err = d.Decode(&more); errors.Is(err, io.EOF) {
			return doc.Content[0], nil
		} else if err == nil {
			return nil, errors.New("something follows the end of the document")
		}
	}
	return nil, errors.New(yamlLine.ReplaceAllString(err.Error(), ""))
}

// find returns the node at a path whose value is of the JSON type got. Lists on
// the way are searched, and so is what is below the end of the path.
func find(n *yaml.Node, path []string, got string, depth int) *yaml.Node {
	if depth > 100 {
		return nil
	}
	switch n.Kind {
	case yaml.AliasNode:
		return find(n.Alias, path, got, depth+1)
	case yaml.SequenceNode:
		if len(path) == 0 && got == "array" {
			return n
		}
		for _, c := range n.Content {
			if at := find(c, path, got, depth+1); at != nil {
				return at
			}
		}
	case yaml.MappingNode:
		if len(path) == 0 && got == "object" {
			return n
		}
		for i := 0; i+1 < len(n.Content); i += 2 {
			rest := path
			if len(path) > 0 {
				if n.Content[i].Value != path[0] {
					continue
				}
				rest = path[1:]
			}
			at := find(n.Content[i+1], rest, got, depth+1)
			if at == n.Content[i+1] {
				at = n.Content[i] // a collection begins below its key
			}
			if at != nil {
				return at
			}
		}
	case yaml.ScalarNode:
		v, err := scalar(n)
		if len(path) == 0 && err == nil && (got == jsonType(v) || got == "number "+n.Value) {
			return n
		}
	}
	return nil
}

func jsonType(v any) string {
	switch v.(type) {
	case string:
		return "string"
	case bool:
		return "bool"
	case int64, float64:
		return "number"
	}
	return fmt.Sprintf("%T", v)
}
