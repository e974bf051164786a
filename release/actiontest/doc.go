// Package actiontest tests the shell steps of action.yml, from the outside. It holds tests
// only.
//
// TestAct runs the whole action with act, a runner for a workflow's jobs, against a fake
// GitHub. TestActionGet runs the first step alone, .github/action/get, in several shells and
// against a server that misbehaves. The other tests read action.yml and the workflows.
package actiontest
