//go:build !unix

package main

// disableCoreDumps does nothing: only Unix writes core files.
func disableCoreDumps() {}
