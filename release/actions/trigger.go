package actions

import (
	"strings"

	"github.com/sethvargo/go-githubactions"
)

// A Trigger is the event for which a workflow runs.
type Trigger struct {
	Event  string // its name: "push", "release"; "" if it is not known
	Action string // its activity: "published", "deleted"; "" if it has none
	Ref    string // the git ref, "" if there is none
	Merged bool   // it is about a pull request that was merged
}

// TriggerOf returns the event that the runner describes.
func TriggerOf(c *githubactions.GitHubContext) Trigger {
	action, _ := c.Event["action"].(string)
	pull, _ := c.Event["pull_request"].(map[string]any)
	merged, _ := pull["merged"].(bool)

	return Trigger{
		Event:  c.EventName,
		Action: action,
		Ref:    c.Ref,
		Merged: merged,
	}
}

// IsUnmerged reports whether the event is about a change that is not merged. For a pull request
// that was merged, GITHUB_REF is its base branch (docs.github.com, "Variables reference").
func (t Trigger) IsUnmerged() bool {
	switch t.Event {
	case "pull_request", "pull_request_target":
		return !t.Merged
	case "merge_group":
		return true
	}
	return strings.HasPrefix(t.Ref, "refs/pull/") // of a review, for instance
}

// IsRelease reports whether the event is about a release that is public: somebody has made one
// on the web page, for instance. No workflow runs for a draft (docs.github.com, "Events that
// trigger workflows").
func (t Trigger) IsRelease() bool { return t.Event == "release" && !t.IsWithdrawn() }

// IsWithdrawn reports whether the event is about a release that somebody has deleted or made a
// draft again. A workflow with `on: release` runs for that, too, unless it names types.
func (t Trigger) IsWithdrawn() bool {
	return t.Event == "release" && (t.Action == "deleted" || t.Action == "unpublished")
}
