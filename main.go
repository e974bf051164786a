// Command go-static-release turns a Go repository into a release. See README.md.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"github.com/org/go-static-release/release"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second interrupt ends the program at once
	status := release.Main(ctx, os.Args[1:], os.Environ(), os.Stdout, os.Stderr)
	os.Exit(status)
}
