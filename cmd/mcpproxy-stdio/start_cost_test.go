package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
)

// TestNoPatternIsCompiledAtStart: a regular expression is compiled when it is first used, since every package's variables are made in every
// process, and most processes use few of them.
func TestNoPatternIsCompiledAtStart(t *testing.T) {
	t.Parallel()
	files := token.NewFileSet()
	err := filepath.WalkDir("../../pkg", func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case entry.IsDir() && entry.Name() == "mcptest":
			return fs.SkipDir
		case !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go"):
			return nil
		}
		file, err := parser.ParseFile(files, path, nil, 0)
		if err != nil {
			return err
		}
		for _, declaration := range file.Decls {
			if variables, ok := declaration.(*ast.GenDecl); ok {
				ast.Inspect(variables, func(n ast.Node) bool {
					if call, ok := n.(*ast.SelectorExpr); ok && call.Sel.Name == "MustCompile" {
						t.Errorf("%v: wrap it in sync.OnceValue", files.Position(call.Pos()))
					}
					_, function := n.(*ast.FuncLit)
					return !function
				})
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
