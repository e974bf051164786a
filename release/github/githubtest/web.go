package githubtest

import (
	"bytes"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// web returns the handler of a page or a download, or nil. GitHub's description does not
// contain their addresses.
func (s *Server) web(c *call) func(*call) answer {
	if !c.isRead() {
		return nil
	}

	rest, inReleases := strings.CutPrefix(c.path, s.releasesPath())
	switch {
	case strings.HasPrefix(c.path, "/storage/"):
		return s.locked(s.getStored)
	case c.path == "/favicon.ico":
		return (*call).notFound
	case c.path == "/":
		return s.locked(s.getPage)
	case !inReleases:
		return nil
	case rest == "":
		return s.locked(s.getPage)
	case rest == "/latest":
		return s.locked(s.getLatestPage)
	case strings.HasPrefix(rest, "/tag/"):
		return s.locked(s.getTagPage)
	case strings.HasPrefix(rest, "/latest/download/"):
		return s.locked(s.getLatestDownload)
	case strings.HasPrefix(rest, "/download/"):
		return s.locked(s.getDownload)
	}

	return nil
}

// releasesPath returns the path of the page that lists the releases.
func (s *Server) releasesPath() string {
	return "/" + s.opts.Repo + "/releases"
}

// locked returns a handler that holds the lock while it calls handle.
func (s *Server) locked(handle func(*call) answer) func(*call) answer {
	return func(c *call) answer {
		s.mu.Lock()
		defer s.mu.Unlock()
		return handle(c)
	}
}

// getLatestDownload answers GET /{owner}/{repo}/releases/latest/download/{name}.
func (s *Server) getLatestDownload(c *call) answer {
	r := s.latest()
	if r == nil {
		return c.notFound()
	}

	name := strings.TrimPrefix(c.path, s.releasesPath()+"/latest/download/")
	return redirect(c.site.web + s.releasesPath() + "/download/" + r.address() + "/" + name)
}

// getDownload answers GET /{owner}/{repo}/releases/download/{tag}/{name} for published
// releases.
func (s *Server) getDownload(c *call) answer {
	rest, err := url.PathUnescape(strings.TrimPrefix(c.path, s.releasesPath()+"/download/"))
	slash := strings.LastIndex(rest, "/") // a tag may have slashes, a name has none
	if err != nil || slash < 0 {
		return c.notFound()
	}

	r := s.published(rest[:slash])
	if r == nil {
		return c.notFound()
	}

	return s.content(c, r.assetNamed(rest[slash+1:]))
}

// getStored answers the addresses of storagePath.
func (s *Server) getStored(c *call) answer {
	for _, r := range s.releases {
		for _, a := range r.assets {
			if a.State == "uploaded" && c.path == storagePath(a) {
				return s.content(c, a)
			}
		}
	}
	return c.notFound()
}

// content answers with the content of an asset, which may be nil, and counts the download.
func (s *Server) content(c *call, a *asset) answer {
	if a == nil || a.State != "uploaded" || a.Content == nil {
		return c.notFound()
	}

	a.downloads++
	header := http.Header{
		"Content-Type":        {"application/octet-stream"},
		"Content-Disposition": {"attachment; filename=" + a.Name},
	}
	return answer{status: http.StatusOK, header: header, file: a.Content}
}

// getLatestPage answers GET /{owner}/{repo}/releases/latest. Scripts read the tag of the
// latest release from the address to which it redirects.
func (s *Server) getLatestPage(c *call) answer {
	page := c.site.web + s.releasesPath()
	if r := s.latest(); r != nil {
		page += "/tag/" + r.address()
	}
	return redirect(page)
}

// getTagPage answers GET /{owner}/{repo}/releases/tag/{tag} for published releases.
func (s *Server) getTagPage(c *call) answer {
	tag, err := url.PathUnescape(strings.TrimPrefix(c.path, s.releasesPath()+"/tag/"))
	if err != nil || s.published(tag) == nil {
		return c.notFound()
	}
	return s.getPage(c)
}

var pageTemplate = template.Must(template.New("page").Parse(`<!DOCTYPE html>
<meta charset="utf-8">
<title>{{.Repo}}: releases</title>
<style>
body { font: 16px/1.5 sans-serif; max-width: 60em; margin: 2em auto; padding: 0 1em }
code, pre { font-size: .85em }
td { padding-right: 1.5em }
</style>
<h1>{{.Repo}}</h1>
<p>A fake GitHub. The API is at <code>{{.API}}</code>.</p>
{{range .Releases}}
<h2>{{or .Name .Tag}}</h2>
<p>{{.Tag}}
{{- if .Draft}}, a draft{{end}}
{{- if .Prerelease}}, prerelease{{end}}
{{- if .Latest}}, latest{{end}}
{{- if .Immutable}}, immutable{{end}}</p>
{{with .Body}}<pre>{{.}}</pre>{{end}}
<table>
{{range .Files}}<tr>
<td>{{if .Path}}<a href="{{.Path}}">{{.Name}}</a>{{else}}{{.Name}}{{end}}
<td>{{.Size}}
<td>{{.State}}
<td><code>{{.Digest}}</code>
{{end}}</table>
{{else}}
<p>No releases.</p>
{{end}}
{{with .Invalid}}
<h2>Not valid</h2>
<ul>{{range .}}<li><code>{{.}}</code>{{end}}</ul>
{{end}}`))

// getPage answers GET / with a page that shows all releases, including drafts.
func (s *Server) getPage(c *call) answer {
	type file struct {
		Asset
		Path string // "" if it cannot be downloaded
	}
	type entry struct {
		Release
		Files []file
	}
	var page struct {
		Repo     string
		API      string
		Releases []entry
		Invalid  []string
	}
	page.Repo = s.opts.Repo
	page.API = c.site.api
	page.Invalid = s.invalid

	for _, r := range slices.Backward(s.releases) {
		e := entry{Release: s.snapshot(r)}
		for _, a := range r.assets {
			f := file{Asset: a.Asset}
			if !r.Draft && a.Content != nil {
				f.Path = s.downloadPath(r, a)
			}
			e.Files = append(e.Files, f)
		}

		page.Releases = append(page.Releases, e)
	}

	var out bytes.Buffer
	if err := pageTemplate.Execute(&out, page); err != nil {
		return c.fail(http.StatusInternalServerError, err.Error())
	}

	header := http.Header{"Content-Type": {"text/html; charset=utf-8"}}
	return answer{status: http.StatusOK, header: header, body: out.Bytes()}
}
