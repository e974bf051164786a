package smoke

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
)

// rootedCommand is the command that runs the program at path in dir as its root, which
// holds nothing else but the emulator, in namespaces of its own: no network, no other
// process, and no user but the one that runs it (user_namespaces(7)).
func rootedCommand(ctx context.Context, dir, emulator, path string, args []string) (*exec.Cmd, error) {
	root := filepath.Join(dir, "root")
	if err := os.Mkdir(root, 0o755); err != nil {
		return nil, err
	}
	words := append([]string{"/program"}, args...)
	if err := place(path, filepath.Join(root, "program")); err != nil {
		return nil, fmt.Errorf("filling the root: %w", err)
	}
	if emulator != "" {
		if err := place(emulator, filepath.Join(root, "emulator")); err != nil {
			return nil, fmt.Errorf("filling the root: %w", err)
		}
		words = append([]string{"/emulator"}, words...)
	}
	cmd := exec.CommandContext(ctx, words[0], words[1:]...)
	cmd.Dir, cmd.Env = "/", []string{}
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Setpgid:     true,
		Chroot:      root,
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS | syscall.CLONE_NEWNET | syscall.CLONE_NEWPID | syscall.CLONE_NEWIPC | syscall.CLONE_NEWUTS,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
	}
	return cmd, nil
}

// withoutNetwork puts cmd into a network namespace of its own, without an interface that
// is up. Its user stays the same there: the prefix of wine must belong to it.
func withoutNetwork(cmd *exec.Cmd) error {
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Setpgid:     true,
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNET,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: os.Getuid(), HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: os.Getgid(), HostID: os.Getgid(), Size: 1}},
	}
	return nil
}
