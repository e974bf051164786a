package main

// A project is a released Go project, with what it ships for linux/amd64.
type project struct {
	name     string
	modules  []module
	tag      string
	programs []string // directory in the module; NAME=DIR if the program has another name
	archive  string   // as the project names it
	ask      []string // arguments that make the first program say its version

	settings []string // NAME=VALUE, for projects whose layout says too little

	refusal string // part of the error with which a run without settings ends; "": it plans
}

// A module is a module of a project, in a directory of its repository.
type module struct {
	version string // MODULE@VERSION
	dir     string // "" is the root
}

// root returns the modules of a project that has one module, in its root.
func root(version string) []module { return []module{{version: version}} }

// projects were chosen for their layouts. What they ship was read from their releases, and
// from what makes them: .goreleaser.yaml, .promu.yml, Makefiles, workflows.
var projects = []project{
	// One program, in the root.
	{
		name:     "gofumpt",
		modules:  root("mvdan.cc/gofumpt@v0.12.0"),
		tag:      "v0.12.0",
		programs: []string{"gofumpt=."},
		archive:  "gofumpt_v0.12.0_linux_amd64",
		ask:      []string{"--version"},
	},
	{
		name:     "fzf",
		modules:  root("github.com/junegunn/fzf@v0.65.2"),
		tag:      "v0.65.2",
		programs: []string{"fzf=."},
		archive:  "fzf-0.65.2-linux_amd64.tar.gz",
		ask:      []string{"--version"},
	},
	{
		name:     "hugo",
		modules:  root("github.com/gohugoio/hugo@v0.152.2"),
		tag:      "v0.152.2",
		programs: []string{"hugo=."},
		archive:  "hugo_0.152.2_linux-amd64.tar.gz",
		ask:      []string{"version"},
	},
	{
		name:     "node_exporter",
		modules:  root("github.com/prometheus/node_exporter@v1.12.1"),
		tag:      "v1.12.1",
		programs: []string{"node_exporter=."},
		archive:  "node_exporter-1.12.1.linux-amd64.tar.gz",
		ask:      []string{"--version"},
	},
	{
		name:     "rclone",
		modules:  root("github.com/rclone/rclone@v1.76.0"),
		tag:      "v1.76.0",
		programs: []string{"rclone=."},
		archive:  "rclone-v1.76.0-linux-amd64.zip",
		ask:      []string{"version"},
	},
	{
		name:     "yq",
		modules:  root("github.com/mikefarah/yq/v4@v4.54.3"),
		tag:      "v4.54.3",
		programs: []string{"yq=."},
		archive:  "yq_linux_amd64.tar.gz",
		ask:      []string{"--version"},
	},
	{
		name:     "k9s",
		modules:  root("github.com/derailed/k9s@v0.50.16"),
		tag:      "v0.50.16",
		programs: []string{"k9s=."},
		archive:  "k9s_Linux_amd64.tar.gz",
		ask:      []string{"version"},
	},
	{
		name:     "glow",
		modules:  root("github.com/charmbracelet/glow/v2@v2.1.1"),
		tag:      "v2.1.1",
		programs: []string{"glow=."},
		archive:  "glow_2.1.1_Linux_x86_64.tar.gz",
		ask:      []string{"--version"},
	},
	{
		name:     "gum",
		modules:  root("github.com/charmbracelet/gum@v0.17.0"),
		tag:      "v0.17.0",
		programs: []string{"gum=."},
		archive:  "gum_0.17.0_Linux_x86_64.tar.gz",
		ask:      []string{"--version"},
	},
	{
		name:     "act",
		modules:  root("github.com/nektos/act@v0.2.89"),
		tag:      "v0.2.89",
		programs: []string{"act=."},
		archive:  "act_Linux_x86_64.tar.gz",
		ask:      []string{"--version"},
	},
	{
		name:     "mkcert",
		modules:  root("filippo.io/mkcert@v1.4.4"),
		tag:      "v1.4.4",
		programs: []string{"mkcert=."},
		archive:  "mkcert-v1.4.4-linux-amd64",
		ask:      []string{"-version"},
	},
	{
		name:     "goreleaser",
		modules:  root("github.com/goreleaser/goreleaser/v2@v2.13.0"),
		tag:      "v2.13.0",
		programs: []string{"goreleaser=."},
		archive:  "goreleaser_Linux_x86_64.tar.gz",
		ask:      []string{"--version"},
	},
	{
		name:     "mockery",
		modules:  root("github.com/vektra/mockery/v3@v3.9.1"),
		tag:      "v3.9.1",
		programs: []string{"mockery=."},
		archive:  "mockery_3.9.1_Linux_x86_64.tar.gz",
		ask:      []string{"version"},
	},
	{
		name:     "nats-server",
		modules:  root("github.com/nats-io/nats-server/v2@v2.15.2"),
		tag:      "v2.15.2",
		programs: []string{"nats-server=."},
		archive:  "nats-server-v2.15.2-linux-amd64.tar.gz",
		ask:      []string{"--version"},
	},
	{
		name:     "croc",
		modules:  root("github.com/schollz/croc/v10@v10.7.0"),
		tag:      "v10.7.0",
		programs: []string{"croc=."},
		archive:  "croc_10.7.0_Linux-64bit.tar.gz",
		ask:      []string{"--version"},
	},
	{
		name:     "gotestsum",
		modules:  root("gotest.tools/gotestsum@v1.13.0"),
		tag:      "v1.13.0",
		programs: []string{"gotestsum=."},
		archive:  "gotestsum_1.13.0_linux_amd64.tar.gz",
		ask:      []string{"--version"},
	},

	// A program in the root, and others that are not shipped.
	{
		name:     "lazygit",
		modules:  root("github.com/jesseduffield/lazygit@v0.44.1"),
		tag:      "v0.44.1",
		programs: []string{"lazygit=."},
		archive:  "lazygit_0.44.1_Linux_x86_64.tar.gz",
		ask:      []string{"--version"},
	},
	{
		name:     "ko",
		modules:  root("github.com/google/ko@v0.19.1"),
		tag:      "v0.19.1",
		programs: []string{"ko=."},
		archive:  "ko_0.19.1_Linux_x86_64.tar.gz",
		ask:      []string{"version"},
	},
	{
		name:     "kind",
		modules:  root("sigs.k8s.io/kind@v0.33.0"),
		tag:      "v0.33.0",
		programs: []string{"kind=."},
		archive:  "kind-linux-amd64",
		ask:      []string{"version"},
	},
	{
		name:     "gitleaks",
		modules:  root("github.com/zricethezav/gitleaks/v8@v8.30.1"),
		tag:      "v8.30.1",
		programs: []string{"gitleaks=."},
		archive:  "gitleaks_8.30.1_linux_x64.tar.gz",
		ask:      []string{"version"},
	},
	{
		name:     "gopass",
		modules:  root("github.com/gopasspw/gopass@v1.15.15"),
		tag:      "v1.15.15",
		programs: []string{"gopass=."},
		archive:  "gopass-1.15.15-linux-amd64.tar.gz",
		ask:      []string{"--version"},
	},

	// One program in cmd.
	{
		name:     "caddy",
		modules:  root("github.com/caddyserver/caddy/v2@v2.11.9"),
		tag:      "v2.11.9",
		programs: []string{"cmd/caddy"},
		archive:  "caddy_2.11.9_linux_amd64.tar.gz",
		ask:      []string{"version"},
	},
	{
		name:     "helm",
		modules:  root("helm.sh/helm/v4@v4.3.1"),
		tag:      "v4.3.1",
		programs: []string{"cmd/helm"},
		archive:  "helm-v4.3.1-linux-amd64.tar.gz",
		ask:      []string{"version"},
	},
	{
		name:     "restic",
		modules:  root("github.com/restic/restic@v0.18.0"),
		tag:      "v0.18.0",
		programs: []string{"cmd/restic"},
		archive:  "restic_0.18.0_linux_amd64.bz2",
		ask:      []string{"version"},
	},
	{
		name:     "golangci-lint",
		modules:  root("github.com/golangci/golangci-lint/v2@v2.15.0"),
		tag:      "v2.15.0",
		programs: []string{"cmd/golangci-lint"},
		archive:  "golangci-lint-2.15.0-linux-amd64.tar.gz",
		ask:      []string{"version"},
	},
	{
		name:     "delve",
		modules:  root("github.com/go-delve/delve@v1.27.2"),
		tag:      "v1.27.2",
		programs: []string{"cmd/dlv"},
		archive:  "dlv_1.27.2_linux_amd64.tar.gz",
		ask:      []string{"version"},
	},
	{
		name:     "protoc-gen-go",
		modules:  root("google.golang.org/protobuf@v1.36.12"),
		tag:      "v1.36.12",
		programs: []string{"cmd/protoc-gen-go"},
		archive:  "protoc-gen-go.v1.36.12.linux.amd64.tar.gz",
		ask:      []string{"--version"},
	},
	{
		name:     "migrate",
		modules:  root("github.com/golang-migrate/migrate/v4@v4.20.1"),
		tag:      "v4.20.1",
		programs: []string{"cmd/migrate"},
		archive:  "migrate.linux-amd64.tar.gz",
		ask:      []string{"-version"},
	},
	{
		name:     "dive",
		modules:  root("github.com/wagoodman/dive@v0.13.1"),
		tag:      "v0.13.1",
		programs: []string{"dive=."},
		archive:  "dive_0.13.1_linux_amd64.tar.gz",
		ask:      []string{"--version"},
	},
	{
		name:     "actionlint",
		modules:  root("github.com/rhysd/actionlint@v1.7.12"),
		tag:      "v1.7.12",
		programs: []string{"cmd/actionlint"},
		archive:  "actionlint_1.7.12_linux_amd64.tar.gz",
		ask:      []string{"-version"},
	},
	{
		name:     "nfpm",
		modules:  root("github.com/goreleaser/nfpm/v2@v2.43.0"),
		tag:      "v2.43.0",
		programs: []string{"cmd/nfpm"},
		archive:  "nfpm_2.43.0_Linux_x86_64.tar.gz",
		ask:      []string{"--version"},
	},
	{
		name:     "trivy",
		modules:  root("github.com/aquasecurity/trivy@v0.60.0"),
		tag:      "v0.60.0",
		programs: []string{"cmd/trivy"},
		archive:  "trivy_0.60.0_Linux-64bit.tar.gz",
		ask:      []string{"--version"},
	},
	{
		name:     "grpcurl",
		modules:  root("github.com/fullstorydev/grpcurl@v1.9.4"),
		tag:      "v1.9.4",
		programs: []string{"cmd/grpcurl"},
		archive:  "grpcurl_1.9.4_linux_x86_64.tar.gz",
		ask:      []string{"-version"},
	},

	// Several programs in cmd, all of them shipped.
	{
		name:     "age",
		modules:  root("filippo.io/age@v1.3.1"),
		tag:      "v1.3.1",
		programs: []string{"cmd/age", "cmd/age-inspect", "cmd/age-keygen", "cmd/age-plugin-batchpass"},
		archive:  "age-v1.3.1-linux-amd64.tar.gz",
		ask:      []string{"--version"},
	},
	{
		name:     "prometheus",
		modules:  root("github.com/prometheus/prometheus@v0.316.0"),
		tag:      "v0.316.0",
		programs: []string{"cmd/prometheus", "cmd/promtool"},
		archive:  "prometheus-3.16.0.linux-amd64.tar.gz",
		ask:      []string{"--version"},
	},
	{
		name:     "buildkit",
		modules:  root("github.com/moby/buildkit@v0.34.2"),
		tag:      "v0.34.2",
		programs: []string{"cmd/buildctl", "cmd/buildkitd"},
		archive:  "buildkit-v0.34.2.linux-amd64.tar.gz",
		ask:      []string{"--version"},
	},
	{
		name:     "gobgp",
		modules:  root("github.com/osrg/gobgp/v4@v4.8.0"),
		tag:      "v4.8.0",
		programs: []string{"cmd/gobgp", "cmd/gobgpd"},
		archive:  "gobgp_4.8.0_linux_amd64.tar.gz",
		ask:      []string{"--version"},
	},
	{
		name:     "alertmanager",
		modules:  root("github.com/prometheus/alertmanager@v0.28.1"),
		tag:      "v0.28.1",
		programs: []string{"cmd/alertmanager", "cmd/amtool"},
		archive:  "alertmanager-0.28.1.linux-amd64.tar.gz",
		ask:      []string{"--version"},
	},
	{
		name:     "pebble",
		modules:  root("github.com/letsencrypt/pebble/v2@v2.10.1"),
		tag:      "v2.10.1",
		programs: []string{"cmd/pebble", "cmd/pebble-challtestsrv"},
		archive:  "pebble-linux-amd64.tar.gz",
		ask:      []string{"-version"},
	},
	{
		name:     "ghz",
		modules:  root("github.com/bojand/ghz@v0.93.0"),
		tag:      "v0.93.0",
		programs: []string{"cmd/ghz", "cmd/ghz-web"},
		archive:  "ghz-linux-x86_64.tar.gz",
		settings: []string{"static=report"}, // without cgo its go-sqlite3 only returns errors
		ask:      []string{"--version"},
	},
	{
		name:     "syncthing",
		modules:  root("github.com/syncthing/syncthing@v1.30.0"),
		tag:      "v1.30.0",
		programs: []string{"cmd/stdiscosrv", "cmd/strelaysrv", "cmd/syncthing"}, // an archive for each
		archive:  "syncthing-linux-amd64-v1.30.0.tar.gz",
		ask:      []string{"--version"},
	},

	// Several main packages in cmd, some of them for the project's own use.
	{
		name:     "gh",
		modules:  root("github.com/cli/cli/v2@v2.83.0"),
		tag:      "v2.83.0",
		programs: []string{"cmd/gh"},
		archive:  "gh_2.83.0_linux_amd64.tar.gz",
		ask:      []string{"version"},
	},
	{
		name:     "task",
		modules:  root("github.com/go-task/task/v3@v3.54.0"),
		tag:      "v3.54.0",
		programs: []string{"cmd/task"},
		archive:  "task_linux_amd64.tar.gz",
		ask:      []string{"--version"},
	},
	{
		name:     "buf",
		modules:  root("github.com/bufbuild/buf@v1.75.0"),
		tag:      "v1.75.0",
		programs: []string{"cmd/buf", "cmd/protoc-gen-buf-breaking", "cmd/protoc-gen-buf-lint"},
		archive:  "buf-Linux-x86_64.tar.gz",
		ask:      []string{"--version"},
	},
	{
		name:     "sqlc",
		modules:  root("github.com/sqlc-dev/sqlc@v1.31.1"),
		tag:      "v1.31.1",
		programs: []string{"cmd/sqlc"},
		archive:  "sqlc_1.31.1_linux_amd64.tar.gz",
		ask:      []string{"version"},
	},
	{
		name:     "cosign",
		modules:  root("github.com/sigstore/cosign/v3@v3.1.3"),
		tag:      "v3.1.3",
		programs: []string{"cmd/cosign"},
		archive:  "cosign-linux-amd64",
		ask:      []string{"version"},
	},
	{
		name:     "nuclei",
		modules:  root("github.com/projectdiscovery/nuclei/v3@v3.4.10"),
		tag:      "v3.4.10",
		programs: []string{"cmd/nuclei"},
		archive:  "nuclei_3.4.10_linux_amd64.zip",
		settings: []string{"static=report"}, // without cgo its go-sqlite3 only returns errors
		ask:      []string{"-version"},
	},
	{
		name:     "gosec",
		modules:  root("github.com/securego/gosec/v2@v2.30.0"),
		tag:      "v2.30.0",
		programs: []string{"cmd/gosec"},
		archive:  "gosec_2.30.0_linux_amd64.tar.gz",
		ask:      []string{"-version"},
	},
	{
		name:    "containerd",
		modules: root("github.com/containerd/containerd/v2@v2.4.2"),
		tag:     "v2.4.2",
		programs: []string{
			"cmd/containerd", "cmd/containerd-shim-runc-v2", "cmd/containerd-stress", "cmd/ctr",
		},
		archive: "containerd-2.4.2-linux-amd64.tar.gz",
		ask:     []string{"--version"},
	},
	{
		name:     "jsonnet",
		modules:  root("github.com/google/go-jsonnet@v0.22.0"),
		tag:      "v0.22.0",
		programs: []string{"cmd/jsonnet", "cmd/jsonnet-deps", "cmd/jsonnet-lint", "cmd/jsonnetfmt"},
		archive:  "go-jsonnet_Linux_x86_64.tar.gz",
		ask:      []string{"--version"},
	},
	{
		name:     "cortex",
		modules:  root("github.com/cortexproject/cortex@v1.21.1"),
		tag:      "v1.21.1",
		programs: []string{"cmd/cortex", "cmd/query-tee"},
		archive:  "cortex-linux-amd64",
		ask:      []string{"-version"},
	},
	{
		name:     "controller-gen",
		modules:  root("sigs.k8s.io/controller-tools@v0.23.0"),
		tag:      "v0.23.0",
		programs: []string{"cmd/controller-gen"},
		archive:  "controller-gen-linux-amd64",
		ask:      []string{"--version"},
	},
	{
		name:     "shfmt",
		modules:  root("mvdan.cc/sh/v3@v3.14.1"),
		tag:      "v3.14.1",
		programs: []string{"cmd/shfmt"},
		archive:  "shfmt_v3.14.1_linux_amd64",
		ask:      []string{"--version"},
	},
	{
		name:     "staticcheck",
		modules:  root("honnef.co/go/tools@v0.8.2"),
		tag:      "v0.8.2",
		programs: []string{"cmd/staticcheck"},
		archive:  "staticcheck_linux_amd64.tar.gz",
		ask:      []string{"-version"},
		settings: []string{"dist=dist-release"}, // it has a directory dist
	},
	{
		name:     "crane",
		modules:  root("github.com/google/go-containerregistry@v0.22.1"),
		tag:      "v0.22.1",
		programs: []string{"cmd/crane", "cmd/gcrane"}, // and krane, of another module
		archive:  "go-containerregistry_Linux_x86_64.tar.gz",
		ask:      []string{"version"},
	},
	{
		name:     "geth",
		modules:  root("github.com/ethereum/go-ethereum@v1.17.10"),
		tag:      "v1.17.10",
		programs: []string{"cmd/abigen", "cmd/evm", "cmd/geth", "cmd/rlpdump"},
		archive:  "geth-alltools-linux-amd64-1.17.10.tar.gz",
		ask:      []string{"--version"},
	},
	{
		name:     "kubo",
		modules:  root("github.com/ipfs/kubo@v0.39.0"),
		tag:      "v0.39.0",
		programs: []string{"cmd/ipfs"},
		archive:  "kubo_v0.39.0_linux-amd64.tar.gz",
		ask:      []string{"--version"},
	},

	// Directories that name nothing, and programs elsewhere.
	{
		name:     "compose",
		modules:  root("github.com/docker/compose/v2@v2.40.3"),
		tag:      "v2.40.3",
		programs: []string{"docker-compose=cmd"},
		archive:  "docker-compose-linux-x86_64",
		ask:      []string{"version"},
	},
	{
		name:     "xray",
		modules:  root("github.com/xtls/xray-core@v1.260327.0"),
		tag:      "v1.260327.0",
		programs: []string{"xray=main"},
		archive:  "Xray-linux-64.zip",
		ask:      []string{"version"},
	},
	{
		name:     "toxiproxy",
		modules:  root("github.com/Shopify/toxiproxy/v2@v2.5.0"),
		tag:      "v2.5.0",
		programs: []string{"toxiproxy-cli=cmd/cli", "toxiproxy-server=cmd/server"},
		archive:  "toxiproxy_2.5.0_linux_amd64.tar.gz",
		ask:      []string{"--version"},
	},
	{
		name:     "mockgen",
		modules:  root("go.uber.org/mock@v0.6.0"),
		tag:      "v0.6.0",
		programs: []string{"mockgen"},
		archive:  "mock_0.6.0_linux_amd64.tar.gz",
		ask:      []string{"-version"},
	},
	{
		name:    "grpc-gateway",
		modules: root("github.com/grpc-ecosystem/grpc-gateway/v2@v2.27.0"),
		tag:     "v2.27.0",
		refusal: "several elsewhere: ./protoc-gen-grpc-gateway ./protoc-gen-openapiv2",
	},
	{
		name:     "pocketbase",
		modules:  root("github.com/pocketbase/pocketbase@v0.30.0"),
		tag:      "v0.30.0",
		programs: []string{"pocketbase=examples/base"},
		archive:  "pocketbase_0.30.0_linux_amd64.zip",
		ask:      []string{"--version"},
		settings: []string{"packages=pocketbase=examples/base"},
	},

	// Several modules in a repository.
	{
		name: "kustomize",
		modules: []module{
			{version: "sigs.k8s.io/kustomize/api@v0.21.0", dir: "api"},
			{version: "sigs.k8s.io/kustomize/kustomize/v5@v5.8.1", dir: "kustomize"},
			{version: "sigs.k8s.io/kustomize/kyaml@v0.21.0", dir: "kyaml"},
		},
		tag:      "kustomize/v5.8.1",
		programs: []string{"kustomize=."},
		archive:  "kustomize_v5.8.1_linux_amd64.tar.gz",
		ask:      []string{"version"},
	},
	{
		name:    "etcd",
		modules: etcd,
		tag:     "v3.6.8",
		refusal: "modules with programs: etcdctl, etcdutl, server",
	},
	{
		name:     "etcdctl",
		modules:  etcd[1:], // a tag selects a module only where none is around
		tag:      "etcdctl/v3.6.8",
		programs: []string{"etcdctl=."},
		archive:  "etcd-v3.6.8-linux-amd64.tar.gz",
		ask:      []string{"version"},
	},
	{
		name:     "etcd-server",
		modules:  etcd,
		tag:      "server/v3.6.8",
		programs: []string{"etcd=."},
		archive:  "etcd-v3.6.8-linux-amd64.tar.gz",
		ask:      []string{"--version"},
		settings: []string{"directory=server", "packages=etcd=."},
	},
}

// etcd is the modules of etcd, the root first.
var etcd = []module{
	{version: "go.etcd.io/etcd/v3@v3.6.8"},
	{version: "go.etcd.io/etcd/api/v3@v3.6.8", dir: "api"},
	{version: "go.etcd.io/etcd/client/pkg/v3@v3.6.8", dir: "client/pkg"},
	{version: "go.etcd.io/etcd/client/v3@v3.6.8", dir: "client/v3"},
	{version: "go.etcd.io/etcd/etcdctl/v3@v3.6.8", dir: "etcdctl"},
	{version: "go.etcd.io/etcd/etcdutl/v3@v3.6.8", dir: "etcdutl"},
	{version: "go.etcd.io/etcd/pkg/v3@v3.6.8", dir: "pkg"},
	{version: "go.etcd.io/etcd/server/v3@v3.6.8", dir: "server"},
	{version: "go.etcd.io/etcd/tests/v3@v3.6.8", dir: "tests"},
}
