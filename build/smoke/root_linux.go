package smoke

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
)

// rootedCommand returns the command that runs the program at path in a root directory of its
// own, which has nothing else but the emulator and the directories of a home. The command
// has its own namespaces: no network, no other process, and no other user
// (user_namespaces(7)).
func rootedCommand(ctx context.Context, h home, emulator, path string, args []string) (*exec.Cmd, error) {
	words := append([]string{"/program"}, args...)
	if err := linkOrCopy(path, filepath.Join(h.root, "program")); err != nil {
		return nil, fmt.Errorf("making its root directory: %w", err)
	}
	if emulator != "" {
		if err := linkOrCopy(emulator, filepath.Join(h.root, "emulator")); err != nil {
			return nil, fmt.Errorf("making its root directory: %w", err)
		}
		words = append([]string{"/emulator"}, words...)
	}

	cmd := exec.CommandContext(ctx, words[0], words[1:]...)
	cmd.Dir = "/"
	cmd.Env = rootedEnviron
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Setpgid: true,
		Chroot:  h.root,
		Cloneflags: syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS | syscall.CLONE_NEWNET |
			syscall.CLONE_NEWPID | syscall.CLONE_NEWIPC | syscall.CLONE_NEWUTS,
		UidMappings: mapID(0, os.Getuid()),
		GidMappings: mapID(0, os.Getgid()),
	}
	return cmd, nil
}

// isolateNetwork puts cmd into a network namespace of its own, in which no interface is up.
// Its user stays the same there, because Wine's prefix must belong to it.
func isolateNetwork(cmd *exec.Cmd) error {
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Setpgid:     true,
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNET,
		UidMappings: mapID(os.Getuid(), os.Getuid()),
		GidMappings: mapID(os.Getgid(), os.Getgid()),
	}
	return nil
}

// mapID maps one user or group inside a namespace to one outside.
func mapID(inside, outside int) []syscall.SysProcIDMap {
	return []syscall.SysProcIDMap{{
		ContainerID: inside,
		HostID:      outside,
		Size:        1,
	}}
}

// linkOrCopy puts a file into the root, by a link where that is possible.
func linkOrCopy(from, to string) error {
	if os.Link(from, to) == nil {
		return nil
	}

	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()

	out, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY|os.O_EXCL, 0o755)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, in)
	return errors.Join(err, out.Close())
}
