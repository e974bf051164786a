//go:build !linux

package static

import "testing"

func TestKernel(t *testing.T) {
	t.Skip("only the kernel of linux/amd64 can start the programs of this test")
}
