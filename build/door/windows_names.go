package door

import "regexp"

// deviceName matches the names of devices on Windows, with any extension.
// Source: learn.microsoft.com/windows/win32/fileio/naming-a-file.
var deviceName = regexp.MustCompile(
	`(?i)^(con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³]) *(\..*)?$`)

// IsReserved reports whether Windows gives the name to no file, because it is the one of a device.
func IsReserved(name string) bool { return deviceName.MatchString(name) }
