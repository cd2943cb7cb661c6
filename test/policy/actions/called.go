package actions

import (
	"fmt"
	"go/ast"
	"go/types"
	"path"
	"strings"

	"golang.org/x/tools/go/packages"
)

const services = "github.com/aws/aws-sdk-go-v2/service/"

// Called are the actions that the worker's source needs on an instance, each with a place where it is called.
// root is the project's. What runs with an operator's own credentials is not the instances' business.
func Called(root string) (map[string]string, error) {
	loaded, err := packages.Load(&packages.Config{
		Dir:  root,
		Mode: packages.NeedName | packages.NeedFiles | packages.NeedSyntax | packages.NeedTypes | packages.NeedTypesInfo | packages.NeedImports,
	}, "./worker/...")
	if err != nil {
		return nil, err
	}
	called := map[string]string{}
	for _, p := range loaded {
		if len(p.Errors) > 0 {
			return nil, fmt.Errorf("%s: %w", p.PkgPath, p.Errors[0])
		}
		counts := func(*ast.FuncDecl) bool { return true }
		if path.Base(p.PkgPath) == "cli" {
			counts = onInstances(p)
		}
		for _, file := range p.Syntax {
			for _, declaration := range file.Decls {
				function, isFunction := declaration.(*ast.FuncDecl)
				if isFunction && !counts(function) {
					continue
				}
				ast.Inspect(declaration, func(n ast.Node) bool {
					if call, ok := n.(*ast.CallExpr); ok {
						for _, action := range actionsOf(p.TypesInfo.TypeOf(call.Fun)) {
							called[action] = p.Fset.Position(call.Pos()).String()
						}
					}
					return true
				})
			}
		}
	}
	return called, nil
}

// actionsOf are the actions of a function that takes the input of operations: a client's method, that of an
// interface in its place, a paginator, a waiter.
func actionsOf(function types.Type) []string {
	signature, ok := function.(*types.Signature)
	if !ok {
		return nil
	}
	var actions []string
	for parameter := range signature.Params().Variables() {
		pointer, ok := parameter.Type().(*types.Pointer)
		if !ok {
			continue
		}
		named, ok := pointer.Elem().(*types.Named)
		if !ok || named.Obj().Pkg() == nil {
			continue
		}
		service, ofService := strings.CutPrefix(named.Obj().Pkg().Path(), services)
		operation, isInput := strings.CutSuffix(named.Obj().Name(), "Input")
		if ofService && isInput {
			actions = append(actions, Of(service, operation))
		}
	}
	return actions
}

// onInstances says which functions of the command line run on instances: those that a command uses which does
// not name a tier. One that does (it embeds the type target) is an operator's.
func onInstances(p *packages.Package) func(*ast.FuncDecl) bool {
	bodies := map[types.Object]*ast.FuncDecl{}
	var reach []types.Object
	for _, file := range p.Syntax {
		for _, declaration := range file.Decls {
			function, ok := declaration.(*ast.FuncDecl)
			if !ok {
				continue
			}
			object := p.TypesInfo.Defs[function.Name]
			bodies[object] = function
			if function.Name.Name == "Run" && !embedsTarget(object.Type().(*types.Signature).Recv()) {
				reach = append(reach, object)
			}
		}
	}
	reached := map[*ast.FuncDecl]bool{}
	for len(reach) > 0 {
		function := bodies[reach[0]]
		reach = reach[1:]
		if function == nil || reached[function] {
			continue
		}
		reached[function] = true
		ast.Inspect(function, func(n ast.Node) bool {
			if name, ok := n.(*ast.Ident); ok && p.TypesInfo.Uses[name] != nil {
				reach = append(reach, p.TypesInfo.Uses[name])
			}
			return true
		})
	}
	return func(function *ast.FuncDecl) bool { return reached[function] }
}

func embedsTarget(receiver *types.Var) bool {
	if receiver == nil {
		return false
	}
	object, _, _ := types.LookupFieldOrMethod(receiver.Type(), true, receiver.Pkg(), "target")
	field, ok := object.(*types.Var)
	return ok && field.Embedded()
}
