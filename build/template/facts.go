package template

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"golang.org/x/mod/semver"
)

// Facts are what every template may use. A template of something that belongs to a target, for
// example, has more fields, in a struct that embeds Facts.
//
// The methods are fields to a template, too.
type Facts struct {
	Name    string // of the project
	Version string // 1.2.3
	Tag     string // v1.2.3, or "" without a tag
	Commit  string // full hash
	Date    string // of the commit, RFC 3339 in UTC
	Go      string // go1.26.8

	// Env holds those of Variables that are set.
	Env map[string]string
}

// ShortCommit returns the first seven digits of the commit's hash. git rev-parse --short may
// return more of them in a large repository.
func (f Facts) ShortCommit() string { return f.Commit[:min(7, len(f.Commit))] }

// Major returns the first number of the version.
func (f Facts) Major() (uint64, error) { return f.number(0) }

// Minor returns the second number of the version.
func (f Facts) Minor() (uint64, error) { return f.number(1) }

// Patch returns the third number of the version.
func (f Facts) Patch() (uint64, error) { return f.number(2) }

// number returns a number of the version.
func (f Facts) number(i int) (uint64, error) {
	if f.Version == "" {
		return 0, nil // the tag has none, which is reported elsewhere
	}

	core, _, _ := strings.Cut(f.Version, "+")
	core, _, _ = strings.Cut(core, "-")
	numbers := strings.Split(core, ".")
	if i >= len(numbers) {
		return 0, fmt.Errorf("version %s does not have three numbers", f.Version)
	}

	n, err := strconv.ParseUint(numbers[i], 10, 64)
	if err != nil {
		return 0, fmt.Errorf("version %s: %w", f.Version, err)
	}
	return n, nil
}

// Prerelease returns what follows the hyphen in the version, such as rc.1, or "".
func (f Facts) Prerelease() string {
	return strings.TrimPrefix(semver.Prerelease("v"+f.Version), "-")
}

// Variables are the environment variables that templates may use, as .Env.NAME. None of them can
// hold a secret. GitHub sets all of them for every step of a workflow (docs.github.com,
// "Variables reference").
//
// GITHUB_SHA is not one of them, because a checkout can be of another commit: see Facts.Commit.
var Variables = []string{
	"GITHUB_ACTOR",
	"GITHUB_REF_NAME",
	"GITHUB_REPOSITORY",
	"GITHUB_REPOSITORY_OWNER",
	"GITHUB_RUN_ATTEMPT",
	"GITHUB_RUN_ID",
	"GITHUB_RUN_NUMBER",
	"GITHUB_SERVER_URL",
}

// Environment returns those of Variables that are set.
func Environment(getenv func(string) string) map[string]string {
	env := map[string]string{}
	for _, name := range Variables {
		if value := getenv(name); value != "" {
			env[name] = value
		}
	}

	return env
}

// Fields returns the fields that a template may use with data, a struct: ".Name" and so on.
func Fields(data any) []string {
	var names []string

	typ := reflect.TypeOf(data)
	for _, f := range reflect.VisibleFields(typ) {
		if f.IsExported() && !f.Anonymous {
			names = append(names, "."+f.Name)
		}
	}
	for i := range typ.NumMethod() {
		names = append(names, "."+typ.Method(i).Name)
	}

	return names
}
