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

// ownSession puts a command into a session of its own, by which its children are found,
// and ended with it.
func ownSession(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGINT) }
	cmd.WaitDelay = 10 * time.Second
}

// watchMemory looks four times a second at the resident memory of all processes of a
// session, until stop. Pages that two processes share count twice. Source: proc_pid_stat(5).
func watchMemory(session int) (stop func() (all, leader int64)) {
	type most struct{ all, leader int64 }
	ended, result := make(chan struct{}), make(chan most)
	go func() {
		var m most
		tick := time.NewTicker(250 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-ended:
				result <- m
				return
			case <-tick.C:
				all, leader := resident(session)
				m.all, m.leader = max(m.all, all), max(m.leader, leader)
			}
		}
	}()

	return func() (int64, int64) {
		close(ended)
		m := <-result
		return m.all, m.leader
	}
}

func resident(session int) (all, leader int64) {
	files, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return 0, 0
	}

	for _, file := range files {
		data, err := os.ReadFile(file) // a process may be gone by now
		if err != nil {
			continue
		}

		// PID (NAME) STATE PPID PGRP SESSION ... RSS is the 24th field; NAME may have anything in it.
		fields := bytes.Fields(data[bytes.LastIndexByte(data, ')')+1:])
		if len(fields) < 22 || string(fields[3]) != strconv.Itoa(session) {
			continue
		}

		pages, err := strconv.ParseInt(string(fields[21]), 10, 64)
		if err != nil {
			continue
		}

		all += pages * int64(os.Getpagesize())
	}

	return all, peak(session)
}

// peak is the most memory that a process had so far (proc_pid_status(5)), 0 if it is gone.
func peak(pid int) int64 {
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
