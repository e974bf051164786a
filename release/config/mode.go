package config

import (
	"fmt"
	"strings"

	"github.com/org/go-static-release/build/problem"
	"github.com/org/go-static-release/release/actions"
)

// TagRef begins the name of a tag's ref.
const TagRef = "refs/tags/"

// Mode decides whether this run publishes, and says why.
//
// If it returns an error, publish still says what was asked for. The caller can then look for
// other mistakes too.
func (c *Config) Mode(runner *actions.Runner, trigger actions.Trigger) (publish bool, why string, err error) {
	switch {
	case c.DryRun != nil:
		return c.explicitMode()
	case !runner.Active():
		return false, "not in a workflow", nil
	case trigger.IsWithdrawn():
		return false, "the release was " + trigger.Action, nil
	case c.choosesTag():
		return c.chosenTagMode(trigger)
	}

	var missing []string
	switch {
	case trigger.Ref == "":
		missing = append(missing, "the workflow names no tag")
	case !strings.HasPrefix(trigger.Ref, TagRef):
		missing = append(missing, trigger.Ref+" is not a tag")
	}
	if c.Token == "" {
		missing = append(missing, "there is no token")
	}

	if len(missing) > 0 {
		return false, strings.Join(missing, ", and "), nil
	}
	return true, trigger.Ref + " in a workflow with a token", nil
}

// giveToken is the remedy for a run that needs a token.
var giveToken = problem.There(
	problem.Set("token", "${{ github.token }}"),
	problem.Run("export GITHUB_TOKEN=$(gh auth token)"),
)

// explicitMode is Mode for a run with the setting dry-run.
func (c *Config) explicitMode() (publish bool, why string, err error) {
	if *c.DryRun {
		return false, fmt.Sprintf("dry-run is true (%s)", c.Where("dry-run")), nil
	}

	if c.Token == "" {
		err := fmt.Errorf("%s: publishing needs a token", c.Where("dry-run"))
		return true, "", problem.With(giveToken, err)
	}
	return true, fmt.Sprintf("dry-run is false (%s)", c.Where("dry-run")), nil
}

// choosesTag reports whether somebody has set the tag: it is not only the ref of the workflow.
func (c *Config) choosesTag() bool { return c.Tag != "" && c.From["tag"] != refOrigin }

// refOrigin is the place of a tag that is the ref of the workflow.
const refOrigin = "GITHUB_REF"

// SetTagFromRef makes the ref of the workflow the tag, if it is one and no other is set.
func (c *Config) SetTagFromRef(ref string) {
	tag, isTag := strings.CutPrefix(ref, TagRef)
	if c.Tag == "" && isTag {
		c.Tag = tag
		c.From["tag"] = refOrigin
	}
}

// chosenTagMode is Mode for a workflow with the setting tag. Whoever started it wants this tag
// to be released, whatever the ref: a branch, for a workflow that was started by hand.
//
// A workflow that tests a change is a dry run nevertheless. What it would publish is not merged,
// and the token is read-only if the change comes from a fork.
func (c *Config) chosenTagMode(trigger actions.Trigger) (publish bool, why string, err error) {
	if trigger.IsUnmerged() {
		return false, "the change that the workflow tests is not merged", nil
	}

	if c.Token == "" {
		err := fmt.Errorf("%s: publishing %s needs a token", c.Where("tag"), c.Tag)
		return true, "", problem.With(problem.Either(giveToken, problem.Set("dry-run", "true")), err)
	}
	return true, fmt.Sprintf("tag %s (%s) in a workflow with a token", c.Tag, c.Where("tag")), nil
}
