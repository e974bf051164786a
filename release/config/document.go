package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// A document is a YAML file, read as GitHub reads workflows: with anchors and aliases, in
// the core schema of YAML 1.2, in which "on" and "yes" are words.
//
// Aliases are followed during a lookup. They are never expanded, which could use up all
// memory, and the number of nodes that are visited is bounded.
type document struct {
	name string     // of the file
	root *yaml.Node // nil if the file is empty

	nodesLeft  int // how many nodes may still be visited
	mergeDepth int // how many merge keys the lookup is inside of
	mergeLine  int // the line of a merge key, 0 if there is none
}

const (
	maxNodes  = 100_000
	maxMerges = 50
)

// parseDocument parses a file that has one YAML document, or none.
func parseDocument(name string, data []byte) (*document, error) {
	d := &document{
		name:      name,
		nodesLeft: maxNodes,
	}
	dec := yaml.NewDecoder(bytes.NewReader(data))

	var first yaml.Node
	err := dec.Decode(&first)
	if errors.Is(err, io.EOF) {
		return d, nil
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if len(first.Content) != 1 {
		return nil, fmt.Errorf("%s: it is not a YAML document", name)
	}

	var second yaml.Node
	err = dec.Decode(&second)
	if !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%s: it has more than one YAML document", name)
	}

	d.root = first.Content[0]
	return d, nil
}

// errorf returns an error that names the file and the line of n.
func (d *document) errorf(n *yaml.Node, format string, args ...any) error {
	return fmt.Errorf("%s:%d: %w", d.name, n.Line, fmt.Errorf(format, args...))
}

// follow returns the node that n is an alias of, or n.
func (d *document) follow(n *yaml.Node) (*yaml.Node, error) {
	d.nodesLeft--
	if d.nodesLeft < 0 {
		return nil, d.errorf(n, "with its aliases the file has more than %d nodes", maxNodes)
	}

	if n.Kind == yaml.AliasNode {
		return n.Alias, nil
	}
	return n, nil
}

// A field is one entry of a mapping.
type field struct {
	key   string
	line  int
	value *yaml.Node
}

// fields returns the entries of a mapping, in order. A node that is null or nil has none.
// In messages the mapping is called what.
func (d *document) fields(n *yaml.Node, what string) (all []field, err error) {
	n, err = d.nonNull(n)
	if n == nil || err != nil {
		return nil, err
	}
	if n.Kind != yaml.MappingNode {
		return nil, d.errorf(n, "%s is not a mapping", what)
	}

	seen := map[string]bool{}
	var merges []*yaml.Node
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, err := d.follow(n.Content[i])
		if err != nil {
			return nil, err
		}

		line := n.Content[i].Line
		value := n.Content[i+1]
		switch {
		case key.Kind != yaml.ScalarNode:
			return nil, d.errorf(n.Content[i], "a key of %s is not a word", what)
		case seen[key.Value]:
			return nil, d.errorf(n.Content[i], "%q is given twice", key.Value)
		case key.Value == "<<" && isPlain(key):
			d.mergeLine = line
			merges = append(merges, value)
		default:
			all = append(all, field{
				key:   key.Value,
				line:  line,
				value: value,
			})
		}

		seen[key.Value] = true
	}

	for _, m := range merges {
		more, err := d.merge(m, what)
		if err != nil {
			return nil, err
		}

		// The mapping's own keys win, then those of the first merged mapping.
		for _, f := range more {
			if !seen[f.key] {
				seen[f.key] = true
				all = append(all, f)
			}
		}
	}

	return all, nil
}

// merge returns the entries of the mapping, or the mappings, that a merge key names.
func (d *document) merge(n *yaml.Node, what string) (all []field, err error) {
	d.mergeDepth++
	if d.mergeDepth > maxMerges {
		return nil, d.errorf(n, "more than %d mappings are merged into one another", maxMerges)
	}
	defer func() { d.mergeDepth-- }()

	target, err := d.follow(n)
	if err != nil {
		return nil, err
	}
	if target.Kind != yaml.SequenceNode {
		return d.fields(target, "the merge key of "+what)
	}

	for _, item := range target.Content {
		more, err := d.fields(item, "the merge key of "+what)
		if err != nil {
			return nil, err
		}
		all = append(all, more...)
	}

	return all, nil
}

// lookup returns the value of a key in a mapping, nil if the mapping does not have the key.
func (d *document) lookup(n *yaml.Node, what, key string) (*yaml.Node, error) {
	fields, err := d.fields(n, what)
	if err != nil {
		return nil, err
	}

	for _, f := range fields {
		if f.key == key {
			return f.value, nil
		}
	}

	return nil, nil
}

// list returns the items of a sequence. A node that is null or nil has none.
func (d *document) list(n *yaml.Node, what string) (items []*yaml.Node, err error) {
	n, err = d.nonNull(n)
	if n == nil || err != nil {
		return nil, err
	}
	if n.Kind != yaml.SequenceNode {
		return nil, d.errorf(n, "%s is not a list", what)
	}
	return n.Content, nil
}

// nonNull returns the node that n is an alias of, or n. It returns nil for null.
func (d *document) nonNull(n *yaml.Node) (*yaml.Node, error) {
	if n == nil {
		return nil, nil
	}

	n, err := d.follow(n)
	if err != nil {
		return nil, err
	}

	plainNull := isPlain(n) && isNull.MatchString(n.Value)
	if n.Kind == yaml.ScalarNode && (plainNull || n.Tag == "!!null") {
		return nil, nil
	}

	return n, nil
}

// text returns the text that an action gets for a scalar, "" for null.
func (d *document) text(n *yaml.Node, what string) (string, error) {
	target, err := d.nonNull(n)
	if target == nil || err != nil {
		return "", err
	}
	if target.Kind != yaml.ScalarNode {
		return "", d.errorf(n, "%s is not text; write a list as one text, as in %s: 'a b'", what, what)
	}

	if !isPlain(target) {
		return target.Value, nil
	}
	return plainText(target.Value), nil
}

// isPlain reports whether a scalar is written without quotes and without a tag.
func isPlain(n *yaml.Node) bool { return n.Style == 0 }

// The core schema (yaml.org/spec/1.2.2, 10.3.2).
var (
	isNull  = regexp.MustCompile(`^(null|Null|NULL|~|)$`)
	isBool  = regexp.MustCompile(`^(true|True|TRUE|false|False|FALSE)$`)
	isInt   = regexp.MustCompile(`^(0o[0-7]+|0x[0-9a-fA-F]+)$`)
	isFloat = regexp.MustCompile(`^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$`)
)

// plainText returns the text that an action gets for a plain scalar. The runner parses a
// number and writes it with at most 15 digits (actions/runner, NumberToken.cs), so that
// 1.10 becomes 1.1.
func plainText(value string) string {
	switch {
	case isBool.MatchString(value):
		return strings.ToLower(value)
	case isInt.MatchString(value):
		if n, err := strconv.ParseUint(value, 0, 63); err == nil {
			return strconv.FormatUint(n, 10)
		}
	case isFloat.MatchString(value):
		if f, err := strconv.ParseFloat(value, 64); err == nil {
			return strconv.FormatFloat(f, 'G', 15, 64)
		}
	}
	return value
}
