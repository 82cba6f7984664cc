package config

import (
	"fmt"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

// Bounds of a file. The YAML package takes time by the square of the tokens, and would write out what aliases of aliases of
// aliases stand for; a thousand services with all their keys stay within.
const (
	maxSize   = 256 << 10 // bytes
	maxTokens = 30_000
	maxNodes  = 100_000 // once every alias is written out
	maxDepth  = 50      // brackets within brackets, and dashes behind dashes
)

// bounded parses a file, unless that or what follows would take minutes or gigabytes.
func bounded(data []byte, path string) (*ast.File, error) {
	if len(data) > maxSize {
		return nil, &Error{path, 0, 0, fmt.Sprintf("the file is larger than %d kB; is it a config file of lastcall?", maxSize>>10)}
	}
	tokens := lexer.Tokenize(string(data))
	if n := len(tokens); n > maxTokens {
		return nil, &Error{path, 0, 0, fmt.Sprintf("the file has %d YAML tokens, and %d are taken; watch fewer services per file", n, maxTokens)}
	}
	brackets, dashes := 0, 0
	for _, t := range tokens {
		switch t.Type {
		case token.SequenceStartType, token.MappingStartType:
			brackets++
		case token.SequenceEndType, token.MappingEndType:
			brackets--
		}
		if dashes++; t.Type != token.SequenceEntryType {
			dashes = 0
		}
		if brackets > maxDepth || dashes > maxDepth {
			return nil, &Error{path, t.Position.Line, t.Position.Column, "the file is nested too deeply for a config file"}
		}
	}
	file, err := parser.ParseBytes(data, 0)
	if err != nil {
		return nil, placed(err, path)
	}
	anchors := map[string]int{}
	for _, d := range file.Docs {
		if d.Body != nil && nodes(d.Body, anchors) > maxNodes {
			return nil, &Error{path, 0, 0, fmt.Sprintf("with its aliases written out the file has more than %d nodes; write what is meant without aliases of aliases", maxNodes)}
		}
	}
	return file, nil
}

// nodes counts what a node comes to with its aliases written out, to somewhat above maxNodes at most. anchors keeps the counts of
// those seen; an alias of what is not yet complete counts for nothing, and is refused by the decoder.
func nodes(n ast.Node, anchors map[string]int) int {
	sum := 1
	add := func(children ...ast.Node) {
		for _, c := range children {
			if c != nil && sum <= maxNodes {
				sum += nodes(c, anchors)
			}
		}
	}
	switch n := n.(type) {
	case *ast.AnchorNode:
		add(n.Value)
		if n.Name != nil {
			anchors[n.Name.GetToken().Value] = sum
		}
	case *ast.AliasNode:
		if n.Value != nil {
			sum += anchors[n.Value.GetToken().Value]
		}
	case *ast.TagNode:
		add(n.Value)
	case *ast.MappingNode:
		for _, v := range n.Values {
			add(v)
		}
	case *ast.MappingValueNode:
		add(n.Key, n.Value)
	case *ast.SequenceNode:
		add(n.Values...)
	}
	return sum
}
