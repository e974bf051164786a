package smoke

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/tetratelabs/wazero"
	experimentalsys "github.com/tetratelabs/wazero/experimental/sys"
	"github.com/tetratelabs/wazero/experimental/sysfs"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"
	"github.com/tetratelabs/wazero/sys"
)

// wasmPages is the memory a program may have, in pages of 64 KiB: 512 MiB. A Go program
// starts with a few MiB.
const wasmPages = 512 << 20 / (64 << 10)

// wasm starts a program for wasip1 in wazero, which is part of this program. It uses the
// interpreter: for a program that ends at once, wazero's compiler takes ten times as long
// (wazero 1.12: 1.3 s against 0.11 s for the smallest Go program).
func (a attempt) wasm(ctx context.Context) (*Result, error) {
	code, err := os.ReadFile(a.program.Path)
	if err != nil {
		return nil, fmt.Errorf("reading the program to start it: %w", err)
	}

	ctx, cancel := a.withLimit(ctx)
	defer cancel()

	config := wazero.NewRuntimeConfigInterpreter().
		WithCloseOnContextDone(true). // else nothing ends a loop
		WithMemoryLimitPages(wasmPages).
		WithDebugInfoEnabled(false) // DWARF would only be read for the traces of a trap
	machine := wazero.NewRuntimeWithConfig(ctx, config)
	defer machine.Close(context.WithoutCancel(ctx))

	h, err := makeHome(a.dir)
	if err != nil {
		return nil, err
	}

	const how = "in wazero, an interpreter of WebAssembly, in an empty root without network"
	if _, err := wasi_snapshot_preview1.Instantiate(ctx, machine); err != nil {
		return nil, fmt.Errorf("preparing wazero: %w", err)
	}
	program, err := machine.CompileModule(ctx, code)
	if err != nil {
		return a.result(how, newPrinted(), err)
	}
	if reason := notACommand(program); reason != "" {
		return notRun(reason), nil
	}

	out := newPrinted()
	_, err = machine.InstantiateModule(ctx, program, a.wasmConfig(ctx, h, out))
	var exit *sys.ExitError
	switch {
	case ctx.Err() != nil: // wazero's own error has an exit status, as if the program had ended by itself
		err = context.Cause(ctx)
	case errors.As(err, &exit):
		err = fmt.Errorf("exit status %d", exit.ExitCode()) // as os/exec says it
	}
	return a.result(how, out, err)
}

// wasmConfig returns everything that the program sees: its arguments, a clock, random
// numbers and its home. It would see other files, variables or sockets only if they were
// named here (wazero.ModuleConfig).
func (a attempt) wasmConfig(ctx context.Context, h home, out *printed) wazero.ModuleConfig {
	// wazero's own sleep does not end with ctx, and its default does not sleep.
	sleep := func(ns int64) {
		timer := time.NewTimer(time.Duration(ns))
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
		}
	}

	files := wazero.NewFSConfig().(sysfs.FSConfig).WithSysFSMount(withoutLinks{sysfs.DirFS(h.root)}, "/")
	config := wazero.NewModuleConfig().WithFSConfig(files)
	for _, kv := range rootedEnviron {
		name, value, _ := strings.Cut(kv, "=")
		config = config.WithEnv(name, value)
	}

	return config.
		WithArgs(append([]string{a.program.Name}, a.args...)...).
		WithStdout(out).
		WithStderr(out).
		WithSysWalltime().
		WithSysNanotime().
		WithNanosleep(sleep).
		WithRandSource(rand.Reader) // the default is the same numbers each time
}

// withoutLinks is a directory of the machine in which a program can make no links. wazero
// follows them, and they could lead out of the directory (wazero.FSConfig, "Isolation").
type withoutLinks struct{ experimentalsys.FS }

func (withoutLinks) Link(_, _ string) experimentalsys.Errno { return experimentalsys.ENOSYS }

func (withoutLinks) Symlink(_, _ string) experimentalsys.Errno { return experimentalsys.ENOSYS }

// notACommand returns why a module cannot be started here, "" if it can. Without _start
// wazero would run nothing and return no error (wazero.Runtime.InstantiateModule).
func notACommand(program wazero.CompiledModule) string {
	for _, f := range program.ImportedFunctions() {
		module, name, _ := f.Import()
		if module != wasi_snapshot_preview1.ModuleName { // a go:wasmimport of the program
			return fmt.Sprintf("it imports %s of %s, which its host has and WASI has not", name, module)
		}
	}
	if program.ExportedFunctions()["_start"] == nil {
		return "it exports no _start, so it is no command"
	}
	return ""
}
