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

// dieBySignal settles how the Go runtime ends the process when nothing can be caught: out
// of memory, a fatal error, a panic in a goroutine of a library. By default it exits with
// status 2, which here says that nothing was started. On Unix it aborts instead, after it
// has printed the same; Windows has nothing else than the status. No memory is written to
// a file: the token is in it.
func dieBySignal() {
	withoutCore()
	debug.SetTraceback("crash")
}

// onQuit calls cancel on SIGQUIT, after it has printed what every goroutine does, which is
// what the signal is for. A second one is left to the Go runtime.
func onQuit(cancel func()) {
	quit := make(chan os.Signal, 1)
	signal.Notify(quit, syscall.SIGQUIT)

	go func() {
		<-quit
		signal.Stop(quit)

		stacks := make([]byte, 1<<20)
		stacks = stacks[:runtime.Stack(stacks, true)]
		_, _ = os.Stderr.Write(stacks) // there is nobody to tell
		cancel()
	}()
}
