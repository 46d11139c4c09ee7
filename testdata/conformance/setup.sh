#!/bin/bash
# Install what the kit needs into $CONFORMANCE_DIR (default ~/.cache/mcpproxy-conformance).
# Needs go (1.26+), npm and bash; reaches only the npm and Go module registries, through npm and go.
# Safe to run again: it does nothing that is already done.
set -eu
kit=$(cd "$(dirname "$0")" && pwd)
dir=${CONFORMANCE_DIR:-$HOME/.cache/mcpproxy-conformance}
gosdk=v1.8.0
mkdir -p "$dir/bin"
dir=$(cd "$dir" && pwd)

# 1. npm packages at the versions of package-lock.json; no install scripts are run.
if ! cmp -s "$kit/package-lock.json" "$dir/.installed-lock.json"; then
  cp "$kit/package.json" "$kit/package-lock.json" "$dir/"
  (cd "$dir" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error)
  cp "$kit/package-lock.json" "$dir/.installed-lock.json"
fi

# 2. Node 24 (the suite needs 22 or newer): from npm on Linux, else the one on PATH.
node=$(ls "$dir"/node_modules/node-linux-*/bin/node 2>/dev/null | head -1 || true)
[ -n "$node" ] || node=$(command -v node)
"$node" -e 'process.exit(+process.versions.node.split(".")[0] >= 22 ? 0 : 1)' || { echo "Node 22 or newer is needed: $node is $("$node" --version)" >&2; exit 1; }
ln -sf "$node" "$dir/bin/node"

# 3. The reference fixture, built from the Go SDK's module.
fixture=$dir/bin/gosdk-everything-server
if [ ! -x "$fixture" ] || [ "$(cat "$fixture.version" 2>/dev/null)" != "$gosdk" ]; then
  GOBIN=$dir/bin/.new GOWORK=off go install "github.com/modelcontextprotocol/go-sdk/conformance/everything-server@$gosdk"
  mv "$dir/bin/.new/everything-server" "$fixture"
  rmdir "$dir/bin/.new"
  echo "$gosdk" > "$fixture.version"
fi

# 4. Our own programs.
for p in bridge driver; do
  (cd "$kit/$p" && GOWORK=off GOFLAGS=-buildvcs=false go build -trimpath -o "$dir/bin/$p" .)
done
echo "ready: $dir ($("$dir/bin/node" --version))"
