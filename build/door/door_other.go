//go:build !unix

package door

// DoNotWait is for systems that have pipes among their files. On Windows they have a name
// space of their own, and os.Root opens no device.
const DoNotWait = 0
