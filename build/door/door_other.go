//go:build !unix

package door

// doNotWait is for systems that have pipes among their files. On Windows they have a name
// space of their own, and os.Root opens no device.
const doNotWait = 0
