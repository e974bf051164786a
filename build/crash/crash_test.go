package crash

import (
	"errors"
	"strings"
	"testing"
)

func TestCatch(t *testing.T) {
	ordinary := errors.New("an error")
	if err := Catch(func() error { return ordinary }); !errors.Is(err, ordinary) {
		t.Errorf("%v", err)
	}
	if err := Catch(func() error { return nil }); err != nil {
		t.Errorf("%v", err)
	}

	err := Catch(func() error {
		var none []int
		return errors.New(string(rune(none[len(none)])))
	})
	var caught *Error
	if !errors.As(err, &caught) {
		t.Fatalf("%v", err)
	}
	for _, want := range []string{"a mistake in this program: panic: ", "index out of range", "crash_test.go:"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in: %v", want, err)
		}
	}
}
