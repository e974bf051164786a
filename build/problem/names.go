package problem

import (
	"fmt"
	"strings"
)

// FirstNames returns the first names of a list for a message, at most as many as most, and how
// many more there are: "a, b and 3 more".
func FirstNames(names []string, most int) string {
	text := strings.Join(names[:min(most, len(names))], ", ")
	if more := len(names) - most; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}
