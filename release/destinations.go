package release

import (
	"fmt"

	"golang.org/x/mod/semver"

	"github.com/org/go-static-release/release/config"
	"github.com/org/go-static-release/release/github"
	"github.com/org/go-static-release/release/publish"
)

// surroundings hold what a destination may need to know besides the settings and the plan.
type surroundings struct {
	apiURL     string // GITHUB_API_URL
	serverURL  string // GITHUB_SERVER_URL
	repository string // GITHUB_REPOSITORY
	userAgent  string
	tagPushed  bool              // this is a workflow that runs for the tag
	isRelease  bool              // this runs because somebody has made the release public
	say        func(line string) // called when a destination waits for something
}

// destinations lists all places where a release can be published, in the order in which they
// become public. Each function returns nil if the settings do not ask for its destination.
var destinations = []func(*config.Config, *Plan, surroundings) (*publish.Session, error){
	githubRelease,
}

// newSessions returns a session for each destination of a run. A dry run has none.
func newSessions(c *config.Config, p *Plan, s surroundings) (sessions []*publish.Session, err error) {
	if !p.Publish {
		return nil, nil
	}

	for _, destination := range destinations {
		session, err := destination(c, p, s)
		if err != nil {
			return nil, err
		}
		if session != nil {
			sessions = append(sessions, session)
		}
	}

	return sessions, nil
}

// githubRelease returns a session that publishes the release on GitHub.
func githubRelease(c *config.Config, p *Plan, s surroundings) (*publish.Session, error) {
	client, err := github.NewClient(github.Options{
		APIURL:     s.apiURL,
		Repository: s.repository,
		Token:      c.Token,
		UserAgent:  s.userAgent,
		Say:        s.say,
	})
	if err != nil {
		return nil, fmt.Errorf("preparing to publish: %w", err)
	}

	web := page{
		server:     s.serverURL,
		repository: s.repository,
	}
	wanted := github.Wanted{
		Tag:        p.Source.Tag,
		Version:    p.Source.Version,
		Commit:     p.Source.Commit,
		Title:      p.ReleaseName,
		Notes:      p.ReleaseNotes,
		Footer:     p.footer(c, web),
		Prerelease: p.prerelease(c),
		TagPushed:  s.tagPushed,
		Overwrite:  c.Overwrite,
		AddFiles:   s.isRelease,
		Files:      namesOf(p.Outputs),
	}

	return client.Session(wanted, c.MakeLatest, p.supersedes), nil
}

// supersedes reports whether the release takes the place of the one with the given tag as the
// latest release of the repository. It does not if its version is lower, as for a fix of an
// older line. Nor does the release of a nested module take the place of another module's, or
// one with a tag prefix the place of one without.
func (p *Plan) supersedes(tag string) bool {
	ownDir, own, err := p.Source.ParseTag(p.Source.Tag)
	if err != nil {
		return false
	}

	dir, version, err := p.Source.ParseTag(tag)
	if err != nil || dir != ownDir { // no latest release, another kind of tag, another module
		if p.Source.TagPrefix != "" {
			return tag == "" // tags of another kind belong to another product
		}
		return ownDir == ""
	}

	return semver.Compare("v"+own, "v"+version) >= 0
}
