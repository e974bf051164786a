// Reduces GitHub's own OpenAPI description to the operations that the fake GitHub of this
// package serves, with all components that they refer to.
//
// To update the description, or to add an operation (the table in routes.go must list the
// same operations; a test compares them):
//
//	npm pack @octokit/openapi@VERSION && tar -xzf octokit-openapi-VERSION.tgz
//	node trim.mjs package > releases.json
//
// Names are sorted and each path or component is on a line of its own, so the diff of an
// update shows what GitHub changed.
import { readFileSync } from "node:fs";
import { join } from "node:path";

const repo = "/repos/{owner}/{repo}";
const operations = {
  "/rate_limit": ["get"],
  [repo]: ["get"],
  [repo + "/commits/{ref}"]: ["get"],
  [repo + "/git/matching-refs/{ref}"]: ["get"],
  [repo + "/git/ref/{ref}"]: ["get"],
  [repo + "/immutable-releases"]: ["get"],
  [repo + "/releases"]: ["get", "post"],
  [repo + "/releases/assets/{asset_id}"]: ["get", "patch", "delete"],
  [repo + "/releases/generate-notes"]: ["post"],
  [repo + "/releases/latest"]: ["get"],
  [repo + "/releases/tags/{tag}"]: ["get"],
  [repo + "/releases/{release_id}"]: ["get", "patch", "delete"],
  [repo + "/releases/{release_id}/assets"]: ["get", "post"],
};

const folder = process.argv[2];
const npm = JSON.parse(readFileSync(join(folder, "package.json")));
const full = JSON.parse(readFileSync(join(folder, "generated/api.github.com.json")));

// Examples, servers and all extensions are dropped, except the extension for a path
// parameter that may contain slashes.
const dropped = (key) =>
  ["example", "examples", "servers", "tags"].includes(key) ||
  (key.startsWith("x-") && key !== "x-multi-segment");

// clean returns a value without the dropped keywords. A schema's property may be called
// "tags" or "example" and is kept: names is true for the names of properties.
function clean(value, names = false) {
  if (Array.isArray(value)) return value.map((v) => clean(v));
  if (value === null || typeof value !== "object") return value;
  const keys = Object.keys(value).filter((key) => names || !dropped(key)).sort();
  return Object.fromEntries(keys.map((key) => [key, clean(value[key], !names && key === "properties")]));
}

// reach adds the components that a value refers to, directly or not.
const components = {};
function reach(value) {
  if (value === null || typeof value !== "object") return;
  const [, , kind, name] = typeof value.$ref === "string" ? value.$ref.split("/") : [];
  if (name && !components[kind]?.[name]) {
    (components[kind] ??= {})[name] = clean(full.components[kind][name]);
    reach(components[kind][name]);
  }
  Object.values(value).forEach(reach);
}

const paths = {};
for (const [path, methods] of Object.entries(operations)) {
  paths[path] = Object.fromEntries(methods.map((method) => [method, clean(full.paths[path][method])]));
}
reach(paths);

const lines = (object) =>
  "{\n" + Object.keys(object).sort().map((key) => `${JSON.stringify(key)}: ${JSON.stringify(object[key])}`).join(",\n") + "\n}";
const info = { ...clean(full.info), version: npm.version, "x-source": `${npm.name}@${npm.version} ${npm.license}` };
const kinds = Object.keys(components).sort().map((kind) => `${JSON.stringify(kind)}: ${lines(components[kind])}`);
console.log(`{
"openapi": ${JSON.stringify(full.openapi)},
"info": ${JSON.stringify(info)},
"paths": ${lines(paths)},
"components": {\n${kinds.join(",\n")}\n}
}`);
