package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// ownSession starts a command in a new session, by which its children are found, and
// interrupted together with it.
func ownSession(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGINT) }
	cmd.WaitDelay = 10 * time.Second
}

// watchMemory samples the resident memory of all processes of a session four times a
// second, until stop is called. stop returns the maximum of all together, and the maximum
// of the first process alone. Pages that two processes share count twice. Source:
// proc_pid_stat(5).
func watchMemory(session int) (stop func() (all, first int64)) {
	type maximum struct {
		all   int64
		first int64
	}
	ended := make(chan struct{})
	result := make(chan maximum)

	go func() {
		var m maximum
		tick := time.NewTicker(250 * time.Millisecond)
		defer tick.Stop()

		for {
			select {
			case <-ended:
				result <- m
				return
			case <-tick.C:
				m.all = max(m.all, residentMemory(session))
				m.first = max(m.first, peakMemory(session))
			}
		}
	}()

	return func() (int64, int64) {
		close(ended)
		m := <-result
		return m.all, m.first
	}
}

// residentMemory returns the resident memory of all processes of a session, in bytes.
func residentMemory(session int) int64 {
	files, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return 0
	}

	pages := int64(0)
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			continue // the process has ended
		}

		// PID (NAME) STATE PPID PGRP SESSION ... The resident set size is the 24th
		// field. NAME can contain anything, so count from the last parenthesis.
		fields := bytes.Fields(data[bytes.LastIndexByte(data, ')')+1:])
		if len(fields) < 22 || string(fields[3]) != strconv.Itoa(session) {
			continue
		}
		n, err := strconv.ParseInt(string(fields[21]), 10, 64)
		if err != nil {
			continue
		}
		pages += n
	}

	return pages * int64(os.Getpagesize())
}

// peakMemory returns the most memory that a process had so far, in bytes, or 0 if the
// process has ended. Source: proc_pid_status(5).
func peakMemory(pid int) int64 {
	data, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "status"))
	if err != nil {
		return 0
	}

	_, rest, _ := strings.Cut(string(data), "VmHWM:")
	words := strings.Fields(rest)
	if len(words) == 0 {
		return 0
	}
	kilobytes, err := strconv.ParseInt(words[0], 10, 64)
	if err != nil {
		return 0
	}

	return kilobytes << 10
}
