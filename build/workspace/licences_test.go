package workspace

import (
	"strings"
	"testing"
)

// Names that projects have, with what they are.
func TestUsualKind(t *testing.T) {
	for kind, names := range map[usualFile]string{
		licence: `LICENSE license License LICENCE LICENSE.md LICENSE.txt LICENSE-MIT LICENSE-APACHE LICENSE.Apache-2.0
			LICENSE_MIT LICENSE-2.0.txt LICENSES LICENSES.txt licence.rst MIT-LICENSE MIT-LICENSE.txt APACHE-2.0-LICENSE
			Apache2-License.txt bsd-3-clause-license UNLICENSE UNLICENCE unlicense.txt COPYING COPYING.LESSER copying.md
			COPYRIGHT COPYRIGHT.txt LICENSE.third-party LICENSE-docs LICENSE.html LICENSE.BSD-3-Clause LICENSE.pdf
			SQLITE-LICENSE GO_LICENSE SNAPPY-GO-LICENSE icu-license.html LICENSE-3rdparty.csv`,
		attribution: `NOTICE NOTICE.txt notice.md NOTICES PATENTS AUTHORS authors.md AUTHORS.txt THIRD_PARTY_LICENSES
			ThirdPartyNotices.txt third-party-notices.md THIRD-PARTY-LICENSES.html 3rdpartylicenses.txt CREDITS`,
		readme:    `README readme README.md ReadMe.rst README.markdown README.txt README.adoc Readme.org`,
		changelog: `CHANGELOG ChangeLog changelog.md CHANGELOG.rst CHANGELOG.txt CHANGES.md`,
		"": `README.zh-CN.md README_ja.md README-pt-br.md README.fr README.md.tmpl README.tpl README.gotmpl README.in
			README-dev.md CHANGELOG.d CHANGELOG.yml CHANGELOG-1.0.md changelog.tmpl CHANGELOG.md.j2
			license.go LICENSE.go license_test.go licenses.go license.tmpl LICENSE.tpl LICENSE.template license-header.txt
			license_header LICENSE.header license.yaml .licenserc.yaml licenses.json license.sh notice.go authors.go
			AUTHORS.in copyright.py copyright_header.txt COPYING.bak LICENSE~ LICENSE.asc license.svg licenser licensed
			noticeboard authorship patentsview.md readmes changelogs copyingx mylicense
			go.sum.license check-licenses update_license.txt
			CHANGESv2.md BREAKING_CHANGES.md mit.go CONTRIBUTING.md SECURITY.md`,
	} {
		for _, name := range strings.Fields(names) {
			if got := usualKind(name); got != kind {
				t.Errorf("%s: %q, want %q", name, got, kind)
			}
		}
	}
}

// Only a whole pointer is one. Source: the examples of the specification.
func TestIsPointer(t *testing.T) {
	const oid = "oid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\n"
	const version = "version https://git-lfs.github.com/spec/v1\n"
	for text, want := range map[string]bool{
		version + oid + "size 12345\n": true,
		version + oid + "size 12345":   true,
		version + "ext-0-foo sha256:" + strings.Repeat("a", 64) + "\n" + oid + "size 12345\n": true,
		"version https://hawser.github.com/spec/v1\n" + oid + "size 1\n":                      true,
		version + oid + "size 12345\nmore\n":                                                  false,
		version + oid:                                                                         false,
		version + "oid sha256:4d\nsize 12345\n":                                               false,
		"# " + version + oid + "size 1\n":                                                     false,
		version + strings.Repeat("ext-0-a b\n", 200) + oid + "size 1\n":                       false, // too large
		"version https://example.com/spec/v1\n" + oid + "size 1\n":                            false,
		"": false,
	} {
		if got := isPointer([]byte(text)); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}
