// Command go-static-release turns a Go repository into a release. See README.md.
package main

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"syscall"

	"github.com/org/go-static-release/release"
)

func main() {
	dieBySignal()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second interrupt ends the program at once

	ctx, cancel := context.WithCancelCause(ctx)
	onQuit(func() { cancel(errors.New("quit signal received")) })

	status := release.Main(ctx, os.Args[1:], os.Environ(), os.Stdout, os.Stderr)
	os.Exit(status)
}

// dieBySignal makes the Go runtime end the process by a signal on errors that cannot be
// caught: out of memory, a fatal error, a panic in a goroutine of a library.
//
// By default the runtime exits with status 2, which is our status for "nothing was started".
// On Unix it aborts instead, after it has printed the same text. On Windows the status stays 2.
// No core file is written, because the memory holds the token.
func dieBySignal() {
	disableCoreDumps()
	debug.SetTraceback("crash")
}

// onQuit calls cancel on SIGQUIT, after it has printed the stack of every goroutine, as
// the Go runtime does. The runtime handles a second SIGQUIT.
func onQuit(cancel func()) {
	quit := make(chan os.Signal, 1)
	signal.Notify(quit, syscall.SIGQUIT)

	go func() {
		<-quit
		signal.Stop(quit)

		stacks := make([]byte, 1<<20)
		stacks = stacks[:runtime.Stack(stacks, true)]
		_, _ = os.Stderr.Write(stacks) // there is nowhere else to report an error
		cancel()
	}()
}
