package githubtest

import (
	"net/http"
	"strings"
)

// founded is when the repository was made; it does not matter to anybody.
const founded = "2011-01-26T19:01:12Z"

// getRepository answers GET /repos/{owner}/{repo}.
func (s *Server) getRepository(c *call) answer {
	name := strings.TrimPrefix(s.opts.Repo, s.owner()+"/")
	self, page := c.site.api+s.path(), c.site.web+"/"+s.opts.Repo
	v := map[string]any{
		"id": 1296269, "node_id": nodeID("R", 1296269), "name": name, "full_name": s.opts.Repo, "owner": user(c, s.owner(), 1),
		"private": false, "visibility": "public", "fork": false, "archived": s.opts.Archived, "disabled": false, "is_template": false,
		"description": "A repository that exists only in a test.", "homepage": nil, "language": "Go", "license": nil,
		"default_branch": "main", "topics": []string{}, "size": 1,
		"forks": 0, "forks_count": 0, "open_issues": 0, "open_issues_count": 0, "watchers": 0, "watchers_count": 0,
		"stargazers_count": 0, "network_count": 0, "subscribers_count": 0,
		"has_issues": true, "has_projects": false, "has_wiki": false, "has_pages": false, "has_discussions": false, "has_downloads": true,
		"created_at": founded, "updated_at": founded, "pushed_at": founded,
		"url": self, "html_url": page, "svn_url": page, "clone_url": page + ".git", "mirror_url": nil,
		"git_url": "git:" + strings.TrimPrefix(page, "http:") + ".git", "ssh_url": "git@" + c.Host + ":" + s.opts.Repo + ".git",
	}

	for name, path := range map[string]string{
		"archive": "/{archive_format}{/ref}", "assignees": "/assignees{/user}", "blobs": "/git/blobs{/sha}",
		"branches": "/branches{/branch}", "collaborators": "/collaborators{/collaborator}", "comments": "/comments{/number}",
		"commits": "/commits{/sha}", "compare": "/compare/{base}...{head}", "contents": "/contents/{+path}",
		"contributors": "/contributors", "deployments": "/deployments", "downloads": "/downloads", "events": "/events",
		"forks": "/forks", "git_commits": "/git/commits{/sha}", "git_refs": "/git/refs{/sha}", "git_tags": "/git/tags{/sha}",
		"hooks": "/hooks", "issue_comment": "/issues/comments{/number}", "issue_events": "/issues/events{/number}",
		"issues": "/issues{/number}", "keys": "/keys{/key_id}", "labels": "/labels{/name}", "languages": "/languages",
		"merges": "/merges", "milestones": "/milestones{/number}", "notifications": "/notifications{?since,all,participating}",
		"pulls": "/pulls{/number}", "releases": "/releases{/id}", "stargazers": "/stargazers", "statuses": "/statuses/{sha}",
		"subscribers": "/subscribers", "subscription": "/subscription", "tags": "/tags", "teams": "/teams", "trees": "/git/trees{/sha}",
	} {
		v[name+"_url"] = self + path
	}

	return reply(http.StatusOK, v)
}

// getImmutableReleases answers GET .../immutable-releases, for which "the
// authenticated user must have admin read access". A workflow's token cannot
// have it (mblua/AgentsCommander#1811). 404 means that they are not enabled.
func (s *Server) getImmutableReleases(c *call) answer {
	switch who := s.access(c); {
	case who == anonymous:
		return c.fail(http.StatusUnauthorized, "Requires authentication")
	case who < admin:
		return c.forbidden("administration=read")
	case !s.opts.Immutable:
		return c.notFound()
	}
	return reply(http.StatusOK, map[string]any{"enabled": true, "enforced_by_owner": false})
}

// getRef answers GET .../git/ref/{ref}: tags, which are all lightweight, and the
// default branch.
func (s *Server) getRef(c *call) answer {
	ref := c.params["ref"]
	sha, ok := s.find(ref)
	if !ok || !strings.Contains(ref, "/") { // "heads/<branch name>" or "tags/<tag name>"
		return c.notFound()
	}

	return reply(http.StatusOK, map[string]any{
		"ref":     "refs/" + ref,
		"node_id": "REF_" + ref,
		"url":     c.site.api + s.path("git", "refs", ref),
		"object":  map[string]any{"type": "commit", "sha": sha, "url": c.site.api + s.path("git", "commits", sha)},
	})
}

// getCommit answers GET .../commits/{ref}, for a SHA, a tag or the default branch.
func (s *Server) getCommit(c *call) answer {
	ref := c.params["ref"]
	sha, ok := s.find(ref)
	if !ok {
		return c.fail(http.StatusUnprocessableEntity, "No commit found for SHA: "+ref)
	}

	self := c.site.api + s.path("commits", sha)
	git := c.site.api + s.path("git", "commits", sha)
	person := map[string]any{"name": "Mona Lisa Octocat", "email": "octocat@example.com", "date": founded}

	return reply(http.StatusOK, map[string]any{
		"sha": sha, "node_id": "C_" + sha, "url": self, "comments_url": self + "/comments",
		"html_url": c.site.web + "/" + s.opts.Repo + "/commit/" + sha,
		"author":   user(c, s.owner(), 1), "committer": user(c, s.owner(), 1), "parents": []any{},
		"commit": map[string]any{
			"url": git, "author": person, "committer": person, "message": "a commit", "comment_count": 0,
			"tree": map[string]any{"sha": sha, "url": c.site.api + s.path("git", "trees", sha)},
		},
	})
}

// find finds the commit of a tag, the default branch or a full SHA. Names may
// begin with "tags/" or "heads/".
func (s *Server) find(ref string) (string, bool) {
	if tag, ok := strings.CutPrefix(ref, "tags/"); ok {
		sha, exists := s.tags[tag]
		return sha, exists
	}
	if branch, ok := strings.CutPrefix(ref, "heads/"); ok {
		return s.opts.Head, branch == "main"
	}
	if sha, ok := s.tags[ref]; ok {
		return sha, true
	}

	return s.resolve(ref)
}
