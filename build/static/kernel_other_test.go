//go:build !linux

package static

import "testing"

func TestKernel(t *testing.T) { t.Skip("the kernel of linux/amd64 is needed to start what is read") }
