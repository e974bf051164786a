package build

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/org/go-static-release/build/door"
	"github.com/org/go-static-release/build/workspace"
)

// A declaration is what a package says about one of its names on package level, as far as
// the linker's -X is concerned. It sets variables of type string that have no initial value
// or a constant one; any other initial value replaces what was set (`go doc cmd/link`, -X).
type declaration struct {
	kind     declarationKind
	isString answer // of a variable, whether its type is string
	initial  initial
	value    string // the initial value, if it is constant
	typ      string // as it is written, "" if it is not

	file string // on disk
	line int
}

// A declarationKind says what a name stands for.
type declarationKind int

const (
	notDeclared declarationKind = iota
	declaredVar
	declaredConst
	declaredOther // a function or a type
)

// An answer is what can be told from one package alone.
type answer int

const (
	unknown answer = iota // it depends on another package
	no
	yes
)

// An initial says where the initial value of a variable comes from.
type initial int

const (
	noInitial       initial = iota
	constantInitial         // a constant expression
	computedInitial         // computed when the program starts
	unknownInitial          // a name of another package
)

// settable reports whether -X is known to set the variable.
func (d declaration) settable() bool {
	hasConstant := d.initial == noInitial || d.initial == constantInitial
	return d.kind == declaredVar && d.isString == yes && hasConstant
}

// tolerates reports whether a program with the declaration is known to link with -X for its
// name. The linker fails for a variable of another type, and ignores what is no variable.
func (d declaration) tolerates() bool {
	return d.kind != declaredVar || d.isString == yes
}

// declarations are the names that a package declares on package level.
type declarations struct {
	byName     map[string]*syntax
	files      []*ast.File
	fset       *token.FileSet
	incomplete bool // some file could not be read

	defaults func() []assignment // what to set by default

	// others finds other packages, nil for those that need not be read.
	others func(importPath string) *declarations
}

// A syntax is how a name is declared in a file.
type syntax struct {
	kind  declarationKind
	id    *ast.Ident
	typ   ast.Expr // nil if it is not written
	value ast.Expr // nil if there is none, or it is one of several results of a call
	tuple bool     // it is one of several results of a call
	fn    *ast.FuncDecl
	file  *ast.File
}

// readDeclarations reads the Go files of one package. Files that cannot be read are left to
// the compiler to report.
func readDeclarations(files []string, others func(importPath string) *declarations) *declarations {
	d := &declarations{
		byName: map[string]*syntax{},
		fset:   token.NewFileSet(),
		others: others,
	}
	d.defaults = sync.OnceValue(d.findDefaults)
	for _, path := range files {
		f, err := parseSource(d.fset, path, parser.SkipObjectResolution)
		if err != nil {
			d.incomplete = true
			continue
		}
		d.files = append(d.files, f)
		for _, decl := range f.Decls {
			d.add(f, decl)
		}
	}
	return d
}

// parseSource parses a source file.
func parseSource(set *token.FileSet, path string, mode parser.Mode) (*ast.File, error) {
	data, err := door.ReadRegular(path, workspace.MaxSource)
	if err != nil {
		return nil, err
	}
	return parser.ParseFile(set, path, data, mode)
}

// add adds what one declaration of a file declares.
func (d *declarations) add(file *ast.File, decl ast.Decl) {
	switch decl := decl.(type) {
	case *ast.FuncDecl:
		if decl.Recv == nil {
			d.byName[decl.Name.Name] = &syntax{
				kind: declaredOther,
				id:   decl.Name,
				fn:   decl,
				file: file,
			}
		}

	case *ast.GenDecl:
		var last *ast.ValueSpec // that an empty line of a group of constants repeats
		for _, spec := range decl.Specs {
			switch spec := spec.(type) {
			case *ast.TypeSpec:
				d.byName[spec.Name.Name] = &syntax{
					kind: declaredOther,
					id:   spec.Name,
					typ:  aliased(spec),
					file: file,
				}
			case *ast.ValueSpec:
				if decl.Tok == token.VAR {
					d.addValues(file, declaredVar, spec, spec)
					continue
				}
				if len(spec.Values) > 0 || last == nil {
					last = spec
				}
				d.addValues(file, declaredConst, spec, last)
			}
		}
	}
}

// addValues adds the names of spec, which have the types and values of from.
func (d *declarations) addValues(file *ast.File, kind declarationKind, spec, from *ast.ValueSpec) {
	for i, id := range spec.Names {
		v := &syntax{
			kind:  kind,
			id:    id,
			file:  file,
			typ:   from.Type,
			tuple: len(from.Values) == 1 && len(from.Names) > 1,
		}
		if !v.tuple && i < len(from.Values) {
			v.value = from.Values[i]
		}
		d.byName[id.Name] = v
	}
}

// aliased returns the type that an alias stands for, nil if spec defines a type.
func aliased(spec *ast.TypeSpec) ast.Expr {
	if spec.Assign.IsValid() {
		return spec.Type
	}
	return nil
}

// find returns what the package says about a name.
func (d *declarations) find(name string) declaration {
	found, ok := d.byName[name]
	if !ok {
		return declaration{}
	}

	position := d.fset.PositionFor(found.id.Pos(), false) // where it is, not where a //line says
	result := declaration{
		kind: found.kind,
		file: position.Filename,
		line: position.Line,
	}
	if found.kind == declaredVar {
		steps := maxSteps
		e := d.variable(found, &steps)
		result.isString = e.isString
		result.initial = e.initial
		result.value = e.value
		result.typ = written(found.typ)
	}
	return result
}

// names returns the names of all variables that -X can set, sorted.
func (d *declarations) names() (names []string) {
	for name := range d.byName {
		if d.find(name).settable() {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// isLocal reports whether some function declares a variable of that name.
func (d *declarations) isLocal(name string) bool {
	hasExpr := func(list []ast.Expr) bool {
		return slices.ContainsFunc(list, func(e ast.Expr) bool { return isIdent(e, name) })
	}
	hasIdent := func(list []*ast.Ident) bool {
		return slices.ContainsFunc(list, func(id *ast.Ident) bool { return id.Name == name })
	}

	local := false
	for _, f := range d.files {
		ast.Inspect(f, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.AssignStmt:
				local = local || n.Tok == token.DEFINE && hasExpr(n.Lhs)
			case *ast.ValueSpec:
				local = local || hasIdent(n.Names)
			}
			return !local
		})
	}
	return local
}

func isIdent(e ast.Expr, name string) bool {
	id, ok := e.(*ast.Ident)
	return ok && id.Name == name
}

// An expression is what can be told about an expression from one package alone.
type expression struct {
	isString answer
	initial  initial
	value    string // if it is constant
}

// maxSteps limits how many expressions are followed for one name. A few lines of constants
// that add each other up would take longer than anybody waits.
const maxSteps = 1000

// variable returns what is known about the type and the initial value of a variable.
func (d *declarations) variable(v *syntax, steps *int) (e expression) {
	switch {
	case v.tuple:
		e = expression{initial: computedInitial}
	case v.value != nil:
		e = d.evaluate(v.file, v.value, steps)
	default:
		e = expression{initial: noInitial}
	}

	if v.typ != nil {
		e.isString = d.isStringType(v.typ, steps)
	}
	return e
}

// isStringType reports whether a type is string.
func (d *declarations) isStringType(typ ast.Expr, steps *int) answer {
	*steps--
	if *steps < 0 {
		return unknown
	}

	switch typ := typ.(type) {
	case *ast.ParenExpr:
		return d.isStringType(typ.X, steps)
	case *ast.SelectorExpr:
		return unknown // of another package, where it may be an alias
	case *ast.Ident:
		here, ok := d.byName[typ.Name]
		switch {
		case ok && here.typ != nil && here.kind == declaredOther:
			return d.isStringType(here.typ, steps)
		case !ok && typ.Name == "string":
			return yes
		}
	}
	return no
}

// evaluate returns what is known about the type and the value of an expression.
func (d *declarations) evaluate(file *ast.File, e ast.Expr, steps *int) expression {
	other := expression{isString: no, initial: computedInitial}
	*steps--
	if *steps < 0 {
		return expression{initial: unknownInitial}
	}

	switch e := e.(type) {
	case *ast.BasicLit:
		if e.Kind != token.STRING {
			return other
		}
		value, err := strconv.Unquote(e.Value)
		if err != nil {
			return other // the compiler reports it
		}
		return expression{
			isString: yes,
			initial:  constantInitial,
			value:    value[:min(len(value), maxValue)],
		}

	case *ast.ParenExpr:
		return d.evaluate(file, e.X, steps)

	case *ast.Ident:
		return d.evaluateName(e.Name, steps)

	case *ast.SelectorExpr:
		return d.evaluateSelector(file, e, steps)

	case *ast.BinaryExpr:
		if e.Op != token.ADD {
			return other
		}
		return sum(d.evaluate(file, e.X, steps), d.evaluate(file, e.Y, steps))

	case *ast.CallExpr:
		return d.evaluateCall(file, e, steps)

	case *ast.UnaryExpr, *ast.CompositeLit, *ast.FuncLit:
		return other
	}

	return expression{initial: computedInitial}
}

// evaluateName returns what is known about the value that a name stands for.
func (d *declarations) evaluateName(name string, steps *int) expression {
	here, ok := d.byName[name]
	switch {
	case !ok && slices.Contains([]string{"true", "false", "nil", "iota"}, name):
		return expression{isString: no, initial: constantInitial}
	case !ok:
		return expression{initial: unknownInitial} // from a dot import
	}

	switch here.kind {
	case declaredConst:
		return d.variable(here, steps)
	case declaredVar:
		// The compiler never copies the value of a string variable, since -X may change it.
		return expression{isString: d.variable(here, steps).isString, initial: computedInitial}
	}
	return expression{isString: no, initial: computedInitial}
}

// evaluateSelector returns what is known about a name of another package, such as
// buildinfo.DefaultVersion.
func (d *declarations) evaluateSelector(file *ast.File, e *ast.SelectorExpr, steps *int) expression {
	cannotTell := expression{initial: unknownInitial}
	id, ok := e.X.(*ast.Ident)
	if !ok || d.others == nil {
		return cannotTell
	}
	importPath := importedAs(file, id.Name)
	if importPath == "" {
		return cannotTell
	}
	other := d.others(importPath)
	if other == nil || other.incomplete {
		return cannotTell
	}
	if there, ok := other.byName[e.Sel.Name]; !ok || there.kind != declaredConst {
		return cannotTell
	}
	return other.evaluateName(e.Sel.Name, steps)
}

// importedAs returns the import path of the package that a file knows by a name, "" if there is
// none. Without a name in the import it goes by the last element of the path.
func importedAs(file *ast.File, name string) string {
	for _, spec := range file.Imports {
		importPath, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			continue // the compiler reports it
		}
		known := binaryName(importPath)
		if spec.Name != nil {
			known = spec.Name.Name
		}
		if known == name {
			return importPath
		}
	}
	return ""
}

// evaluateCall returns what is known about the result of a call or a conversion.
func (d *declarations) evaluateCall(file *ast.File, call *ast.CallExpr, steps *int) expression {
	computed := expression{initial: computedInitial}
	id, ok := call.Fun.(*ast.Ident)
	if !ok {
		return computed
	}

	// string(devVersion) is a constant if devVersion is one.
	if d.isStringType(id, steps) == yes && len(call.Args) == 1 {
		computed.isString = yes
		arg := d.evaluate(file, call.Args[0], steps)
		if arg.initial == constantInitial || arg.initial == unknownInitial {
			return expression{isString: yes, initial: arg.initial, value: arg.value}
		}
		return computed
	}

	here, ok := d.byName[id.Name]
	switch {
	case !ok || here.kind != declaredOther:
		return computed
	case here.fn == nil: // a type that is no string
		computed.isString = no
		if len(call.Args) == 1 {
			arg := d.evaluate(file, call.Args[0], steps)
			computed.initial = arg.initial
			computed.value = arg.value
		}
		return computed
	}

	results := here.fn.Type.Results
	if results != nil && len(results.List) == 1 && len(results.List[0].Names) < 2 {
		computed.isString = d.isStringType(results.List[0].Type, steps)
	}
	return computed
}

// sum returns what is known about the sum of two expressions. A string is only added to
// another one.
func sum(a, b expression) (e expression) {
	switch {
	case a.isString == no || b.isString == no:
		e.isString = no
	case a.isString == yes || b.isString == yes:
		e.isString = yes
	}

	switch {
	case a.initial == computedInitial || b.initial == computedInitial:
		e.initial = computedInitial
	case a.initial == unknownInitial || b.initial == unknownInitial:
		e.initial = unknownInitial
	default:
		e.initial = constantInitial
		e.value = a.value + b.value
	}
	e.value = e.value[:min(len(e.value), maxValue)]
	return e
}

// maxValue limits how much of an initial value is kept, in bytes. No version is as long.
const maxValue = 200

// written returns a type as it is written, "" if it is long.
func written(typ ast.Expr) string {
	switch typ := typ.(type) {
	case *ast.Ident:
		return typ.Name
	case *ast.StarExpr:
		return "*" + written(typ.X)
	case *ast.ArrayType:
		return "[]" + written(typ.Elt)
	case *ast.SelectorExpr:
		return written(typ.X) + "." + typ.Sel.Name
	}
	return ""
}

// A declarationCache reads each package once: targets share their programs.
type declarationCache struct {
	modulePath string
	moduleDir  string

	mu     sync.Mutex
	byFile map[string]func() *declarations
}

// inModule returns what a package of the module declares, in all its files, nil if it is not in
// the module.
func (c *declarationCache) inModule(importPath string) *declarations {
	rel, ok := strings.CutPrefix(importPath+"/", c.modulePath+"/")
	if !ok || rel != "" && !filepath.IsLocal(filepath.FromSlash(rel)) {
		return nil
	}
	return readDeclarations(goFiles(filepath.Join(c.moduleDir, filepath.FromSlash(rel))), nil)
}

// goFiles returns the Go files of a directory for all targets together, except tests. It returns
// none if the directory does not exist.
func goFiles(dir string) (files []string) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil // the go command reports what it needs
	}
	for _, e := range entries {
		name := e.Name()
		isSource := strings.HasSuffix(name, ".go") && !strings.HasSuffix(name, "_test.go")
		if isSource && !isHidden(name) {
			files = append(files, filepath.Join(dir, name))
		}
	}
	return files
}

// read returns the declarations of the package that files are.
func (c *declarationCache) read(files []string) *declarations {
	key := ""
	for _, file := range files {
		key += filepath.ToSlash(file) + "\n"
	}

	c.mu.Lock()
	if c.byFile == nil {
		c.byFile = map[string]func() *declarations{}
	}
	read, ok := c.byFile[key]
	if !ok {
		read = sync.OnceValue(func() *declarations { return readDeclarations(files, c.inModule) })
		c.byFile[key] = read
	}
	c.mu.Unlock()

	return read()
}
