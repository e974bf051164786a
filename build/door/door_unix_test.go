//go:build unix

package door

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Neither a pipe nor a socket nor a device is opened: the first would wait for a writer.
func TestDoorSpecialFiles(t *testing.T) {
	top, _ := doorFixture(t)
	if err := syscall.Mkfifo(filepath.Join(top, "pipe"), 0o644); err != nil {
		t.Skipf("no pipes here: %v", err)
	}
	link(t, "pipe", filepath.Join(top, "link"))
	t.Chdir(top) // the address of a socket is short
	socket, err := net.Listen("unix", "socket")
	if err != nil {
		t.Skipf("no sockets here: %v", err)
	}
	defer socket.Close()
	special := map[string]string{"pipe": "a pipe", "link": "a pipe", "socket": "a socket"}
	const devZero = 1<<8 | 5
	err = syscall.Mknod(filepath.Join(top, "device"), syscall.S_IFCHR|0o644, devZero)
	if err == nil { // for root only
		special["device"] = "a device"
	}

	d := openDoor(t, top, "")
	inTime(t, func() {
		for name, kind := range special {
			_, err := d.ReadFile(name, 100)
			if err == nil || !strings.HasSuffix(err.Error(), name+" is not a regular file: "+kind) {
				t.Errorf("%s: %v", name, err)
			}
			if _, err := ReadRegular(filepath.Join(top, name), 100); !Refused(err, isSpecial) {
				t.Errorf("%s, named by the go command: %v", name, err)
			}
		}
	})
}

// Opening does not block on a pipe that has replaced a file after the check.
func TestDoorPipeInPlaceOfFile(t *testing.T) {
	top, _ := doorFixture(t)
	if err := syscall.Mkfifo(filepath.Join(top, "pipe"), 0o644); err != nil {
		t.Skipf("no pipes here: %v", err)
	}
	d := openDoor(t, top, "")
	inTime(t, func() {
		f, err := d.root.OpenFile("pipe", os.O_RDONLY|DoNotWait, 0)
		if err != nil {
			t.Error(err)
			return
		}
		defer f.Close()
		if _, err := d.confirm("pipe", f); !Refused(err, isSpecial) {
			t.Errorf("%v", err)
		}
	})
}

// inTime fails the test if f blocks.
func inTime(t *testing.T, f func()) {
	t.Helper()
	done := make(chan struct{})
	go func() {
		f()
		close(done)
	}()
	select {
	case <-done:
	case <-time.After(20 * time.Second):
		t.Fatal("it waits")
	}
}
