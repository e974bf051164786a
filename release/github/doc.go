// Package github publishes a release through GitHub's Releases API.
//
// The fake GitHub that it is tested with is githubtest.
//
// Publishing is a transaction. Open finds or creates a draft; Attach uploads one
// file, as often as it takes, and replaces what an interrupted upload left; Publish
// reads every file's name, state, size and digest and the commit of the tag back from the
// server, and only then makes the release public. Afterwards it reads all of that again,
// even if the answer was an error, and State says what is known. A public release is never
// changed, unless it may be overwritten, and then it is made a draft first.
//
// A successful answer is not believed unless it is about the release that was asked for, has
// its tag, and is possible in itself (answers.go). Every request is made in api.go.
package github
