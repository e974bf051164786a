package smoke

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/org/go-static-release/build/process"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"
	"github.com/tetratelabs/wazero/sys"
)

// wasmPages is the memory a program may have, in pages of 64 KiB: 512 MiB. A Go program
// starts with a few MiB.
const wasmPages = 512 << 20 / (64 << 10)

// wasm starts a program for wasip1 in wazero, which is linked into this one. It
// interprets: for a program that ends at once, compiling it costs ten times as much
// as it saves (wazero 1.12: 1.3 s against 0.11 s for the least Go program).
func (s smokeStart) wasm(ctx context.Context) (*Result, error) {
	code, err := os.ReadFile(s.bin.Path)
	if err != nil {
		return nil, fmt.Errorf("reading the program to start it: %w", err)
	}
	ctx, cancel := s.limited(ctx)
	defer cancel()
	config := wazero.NewRuntimeConfigInterpreter().
		WithCloseOnContextDone(true). // else nothing ends a loop
		WithMemoryLimitPages(wasmPages).
		WithDebugInfoEnabled(false) // DWARF would only be read for the traces of a trap
	machine := wazero.NewRuntimeWithConfig(ctx, config)
	defer machine.Close(context.WithoutCancel(ctx))
	const how = "in wazero, an interpreter of WebAssembly, without files or network"
	if _, err := wasi_snapshot_preview1.Instantiate(ctx, machine); err != nil {
		return nil, fmt.Errorf("preparing wazero: %w", err)
	}
	program, err := machine.CompileModule(ctx, code)
	if err != nil {
		return s.result(how, "", err)
	}
	if reason := notACommand(program); reason != "" {
		return notRun(reason), nil
	}
	out := process.Tail{Keep: smokeOutput}
	_, err = machine.InstantiateModule(ctx, program, s.wasmWorld(ctx, &out))
	var exit *sys.ExitError
	switch {
	case ctx.Err() != nil: // wazero's own error has the number it gives to that, as if the program had
		err = context.Cause(ctx)
	case errors.As(err, &exit):
		err = fmt.Errorf("exit status %d", exit.ExitCode()) // as os/exec says it
	}
	return s.result(how, out.String(), err)
}

// wasmWorld is all that the program sees: its arguments, a clock and random numbers.
// Files, environment and sockets are only there when they are named (wazero.ModuleConfig).
func (s smokeStart) wasmWorld(ctx context.Context, out *process.Tail) wazero.ModuleConfig {
	sleep := func(ns int64) { // wazero's own would not end with ctx, and its default does not sleep
		timer := time.NewTimer(time.Duration(ns))
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-ctx.Done():
		}
	}
	return wazero.NewModuleConfig().
		WithArgs(append([]string{s.bin.Name}, s.args...)...).
		WithStdout(out).WithStderr(out).
		WithSysWalltime().WithSysNanotime().WithNanosleep(sleep).
		WithRandSource(rand.Reader) // the default is the same numbers each time
}

// notACommand says why a module cannot be started here, if so. Without _start nothing
// would be run, and that without an error (wazero.Runtime.InstantiateModule).
func notACommand(program wazero.CompiledModule) string {
	for _, f := range program.ImportedFunctions() {
		if module, name, _ := f.Import(); module != wasi_snapshot_preview1.ModuleName { // a go:wasmimport of the program
			return fmt.Sprintf("it imports %s of %s, which its host has and WASI has not", name, module)
		}
	}
	if program.ExportedFunctions()["_start"] == nil {
		return "it exports no _start, so it is no command"
	}
	return ""
}
