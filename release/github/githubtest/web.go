package githubtest

import (
	"bytes"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// web returns the handler of an address that is for people and for downloads,
// or nil. GitHub's description does not speak of them.
func (s *Server) web(c *call) func(*call) answer {
	if c.Method != http.MethodGet && c.Method != http.MethodHead {
		return nil
	}

	rest, inside := strings.CutPrefix(c.path, "/"+s.opts.Repo+"/releases")
	switch {
	case strings.HasPrefix(c.path, "/storage/"):
		return s.locked(s.getStored)
	case c.path == "/favicon.ico":
		return (*call).notFound
	case c.path == "/", inside && rest == "":
		return s.locked(s.getPage)
	case inside && rest == "/latest":
		return s.locked(s.getLatestPage)
	case inside && strings.HasPrefix(rest, "/tag/"):
		return s.locked(s.getTagPage)
	case inside && strings.HasPrefix(rest, "/latest/download/"), inside && strings.HasPrefix(rest, "/download/"):
		return s.locked(s.getDownload)
	}

	return nil
}

func (s *Server) locked(handle func(*call) answer) func(*call) answer {
	return func(c *call) answer {
		s.mu.Lock()
		defer s.mu.Unlock()
		return handle(c)
	}
}

// getDownload answers GET /{owner}/{repo}/releases/download/{tag}/{name} and
// .../releases/latest/download/{name}, for published releases.
func (s *Server) getDownload(c *call) answer {
	rest := strings.TrimPrefix(c.path, "/"+s.opts.Repo+"/releases")
	if name, ok := strings.CutPrefix(rest, "/latest/download/"); ok {
		r := s.latest()
		if r == nil {
			return c.notFound()
		}
		return redirect(c.site.web + "/" + s.opts.Repo + "/releases/download/" + r.address() + "/" + name)
	}

	rest, err := url.PathUnescape(strings.TrimPrefix(rest, "/download/"))
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

func (s *Server) content(c *call, a *asset) answer {
	if a == nil || a.State != "uploaded" || a.Content == nil {
		return c.notFound()
	}

	a.downloads++
	return answer{status: http.StatusOK, file: a.Content, header: http.Header{
		"Content-Type":        {"application/octet-stream"},
		"Content-Disposition": {"attachment; filename=" + a.Name},
	}}
}

// getLatestPage answers GET /{owner}/{repo}/releases/latest, where scripts look for
// the tag of the latest release in the address to which they are sent.
func (s *Server) getLatestPage(c *call) answer {
	if r := s.latest(); r != nil {
		return redirect(c.site.web + "/" + s.opts.Repo + "/releases/tag/" + r.address())
	}
	return redirect(c.site.web + "/" + s.opts.Repo + "/releases")
}

func (s *Server) getTagPage(c *call) answer {
	tag, err := url.PathUnescape(strings.TrimPrefix(c.path, "/"+s.opts.Repo+"/releases/tag/"))
	if err != nil || s.published(tag) == nil {
		return c.notFound()
	}
	return s.getPage(c)
}

var pageTemplate = template.Must(template.New("page").Parse(`<!DOCTYPE html>
<meta charset="utf-8">
<title>{{.Repo}}: releases</title>
<style>body{font:16px/1.5 sans-serif;max-width:60em;margin:2em auto;padding:0 1em}code,pre{font-size:.85em}td{padding-right:1.5em}</style>
<h1>{{.Repo}}</h1>
<p>A fake GitHub. The API is at <code>{{.API}}</code>.</p>
{{range .Releases}}<h2>{{or .Name .Tag}}</h2>
<p>{{.Tag}}{{if .Draft}}, a draft{{end}}{{if .Prerelease}}, prerelease{{end}}{{if .Latest}}, latest{{end}}{{if .Immutable}}, immutable{{end}}</p>
{{with .Body}}<pre>{{.}}</pre>
{{end}}<table>
{{range .Files}}<tr><td>{{if .Path}}<a href="{{.Path}}">{{.Name}}</a>{{else}}{{.Name}}{{end}}<td>{{.Size}}<td>{{.State}}<td><code>{{.Digest}}</code>
{{end}}</table>
{{else}}<p>No releases.</p>
{{end}}{{with .Invalid}}<h2>Not valid</h2>
<ul>{{range .}}<li><code>{{.}}</code>{{end}}</ul>
{{end}}`))

// getPage answers GET / with all releases, drafts too.
func (s *Server) getPage(c *call) answer {
	type file struct {
		Asset
		Path string // "" if it cannot be downloaded
	}
	type entry struct {
		Release
		Files []file
	}
	page := struct {
		Repo, API string
		Releases  []entry
		Invalid   []string
	}{Repo: s.opts.Repo, API: c.site.api, Invalid: s.invalid}

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

	return answer{status: http.StatusOK, body: out.Bytes(), header: http.Header{"Content-Type": {"text/html; charset=utf-8"}}}
}
