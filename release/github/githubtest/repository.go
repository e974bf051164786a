package githubtest

import (
	"maps"
	"net/http"
	"slices"
	"strings"
)

// repositoryCreated is the date of everything in the repository that no test looks at.
const repositoryCreated = "2011-01-26T19:01:12Z"

// repositoryURLs holds the other addresses of a repository, relative to its own address in
// the API.
var repositoryURLs = map[string]string{
	"archive_url":       "/{archive_format}{/ref}",
	"assignees_url":     "/assignees{/user}",
	"blobs_url":         "/git/blobs{/sha}",
	"branches_url":      "/branches{/branch}",
	"collaborators_url": "/collaborators{/collaborator}",
	"comments_url":      "/comments{/number}",
	"commits_url":       "/commits{/sha}",
	"compare_url":       "/compare/{base}...{head}",
	"contents_url":      "/contents/{+path}",
	"contributors_url":  "/contributors",
	"deployments_url":   "/deployments",
	"downloads_url":     "/downloads",
	"events_url":        "/events",
	"forks_url":         "/forks",
	"git_commits_url":   "/git/commits{/sha}",
	"git_refs_url":      "/git/refs{/sha}",
	"git_tags_url":      "/git/tags{/sha}",
	"hooks_url":         "/hooks",
	"issue_comment_url": "/issues/comments{/number}",
	"issue_events_url":  "/issues/events{/number}",
	"issues_url":        "/issues{/number}",
	"keys_url":          "/keys{/key_id}",
	"labels_url":        "/labels{/name}",
	"languages_url":     "/languages",
	"merges_url":        "/merges",
	"milestones_url":    "/milestones{/number}",
	"notifications_url": "/notifications{?since,all,participating}",
	"pulls_url":         "/pulls{/number}",
	"releases_url":      "/releases{/id}",
	"stargazers_url":    "/stargazers",
	"statuses_url":      "/statuses/{sha}",
	"subscribers_url":   "/subscribers",
	"subscription_url":  "/subscription",
	"tags_url":          "/tags",
	"teams_url":         "/teams",
	"trees_url":         "/git/trees{/sha}",
}

// getRepository answers GET /repos/{owner}/{repo}.
func (s *Server) getRepository(c *call) answer {
	_, name, _ := strings.Cut(s.opts.Repo, "/")
	self := c.site.api + s.path()
	page := c.site.web + "/" + s.opts.Repo

	v := map[string]any{
		"id":             1296269,
		"node_id":        nodeID("R", 1296269),
		"name":           name,
		"full_name":      s.opts.Repo,
		"owner":          user(c, s.owner(), 1),
		"private":        false,
		"visibility":     "public",
		"fork":           false,
		"archived":       s.opts.Archived,
		"disabled":       false,
		"is_template":    false,
		"description":    "A repository that exists only in a test.",
		"homepage":       nil,
		"language":       "Go",
		"license":        nil,
		"default_branch": "main",
		"topics":         []string{},
		"size":           1,

		"forks":             0,
		"forks_count":       0,
		"open_issues":       0,
		"open_issues_count": 0,
		"watchers":          0,
		"watchers_count":    0,
		"stargazers_count":  0,
		"network_count":     0,
		"subscribers_count": 0,

		"has_issues":      true,
		"has_projects":    false,
		"has_wiki":        false,
		"has_pages":       false,
		"has_discussions": false,
		"has_downloads":   true,

		"created_at": repositoryCreated,
		"updated_at": repositoryCreated,
		"pushed_at":  repositoryCreated,

		"url":        self,
		"html_url":   page,
		"svn_url":    page,
		"clone_url":  page + ".git",
		"mirror_url": nil,
		"git_url":    "git:" + strings.TrimPrefix(page, "http:") + ".git",
		"ssh_url":    "git@" + c.Host + ":" + s.opts.Repo + ".git",
	}
	for name, path := range repositoryURLs {
		v[name] = self + path
	}

	return reply(http.StatusOK, v)
}

// getImmutableReleases answers GET .../immutable-releases, for which "the authenticated
// user must have admin read access". A workflow's token cannot have it
// (mblua/AgentsCommander#1811). 404 means that immutable releases are not enabled.
func (s *Server) getImmutableReleases(c *call) answer {
	who := s.access(c)

	switch {
	case who == anonymous:
		return c.fail(http.StatusUnauthorized, "Requires authentication")
	case who < admin:
		return c.forbidden("administration=read")
	case !s.opts.Immutable:
		return c.notFound()
	}
	return reply(http.StatusOK, map[string]any{
		"enabled":           true,
		"enforced_by_owner": false,
	})
}

// getRef answers GET .../git/ref/{ref} for tags and the default branch. All tags are
// lightweight.
func (s *Server) getRef(c *call) answer {
	ref := c.params["ref"]
	sha, ok := s.refCommit(ref)
	if !ok || !strings.Contains(ref, "/") { // "heads/<branch name>" or "tags/<tag name>"
		return c.notFound()
	}

	return reply(http.StatusOK, s.refJSON(c, ref, sha))
}

// listMatchingRefs answers GET .../git/matching-refs/{ref}: all tags and the default branch, as
// far as their names begin with ref. It is not a list of pages.
func (s *Server) listMatchingRefs(c *call) answer {
	commits := map[string]string{"heads/main": s.opts.Head}
	for tag, sha := range s.tags {
		commits["tags/"+tag] = sha
	}

	list := []any{}
	for _, ref := range slices.Sorted(maps.Keys(commits)) {
		if strings.HasPrefix(ref, c.params["ref"]) {
			list = append(list, s.refJSON(c, ref, commits[ref]))
		}
	}

	return reply(http.StatusOK, list)
}

// refJSON returns a ref to a commit as GitHub encodes it. ref is its name without "refs/".
func (s *Server) refJSON(c *call, ref, sha string) map[string]any {
	return map[string]any{
		"ref":     "refs/" + ref,
		"node_id": "REF_" + ref,
		"url":     c.site.api + s.path("git", "refs", ref),
		"object": map[string]any{
			"type": "commit",
			"sha":  sha,
			"url":  c.site.api + s.path("git", "commits", sha),
		},
	}
}

// getCommit answers GET .../commits/{ref}, for a SHA, a tag or the default branch.
func (s *Server) getCommit(c *call) answer {
	ref := c.params["ref"]
	sha, ok := s.refCommit(ref)
	if !ok {
		return c.fail(http.StatusUnprocessableEntity, "No commit found for SHA: "+ref)
	}

	self := c.site.api + s.path("commits", sha)
	git := c.site.api + s.path("git", "commits", sha)
	person := map[string]any{
		"name":  "Mona Lisa Octocat",
		"email": "octocat@example.com",
		"date":  repositoryCreated,
	}

	return reply(http.StatusOK, map[string]any{
		"sha":          sha,
		"node_id":      "C_" + sha,
		"url":          self,
		"comments_url": self + "/comments",
		"html_url":     c.site.web + "/" + s.opts.Repo + "/commit/" + sha,
		"author":       user(c, s.owner(), 1),
		"committer":    user(c, s.owner(), 1),
		"parents":      []any{},
		"commit": map[string]any{
			"url":           git,
			"author":        person,
			"committer":     person,
			"message":       "a commit",
			"comment_count": 0,
			"tree": map[string]any{
				"sha": sha,
				"url": c.site.api + s.path("git", "trees", sha),
			},
		},
	})
}

// refCommit returns the commit of a tag, the default branch or a full SHA, and reports
// whether it exists. Names may begin with "tags/" or "heads/".
func (s *Server) refCommit(ref string) (string, bool) {
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

	return s.targetCommit(ref)
}
