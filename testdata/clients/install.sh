#!/bin/bash
# Installs pinned versions of the clients under $CLIENTS_DIR (default: ~/.cache/mcpproxy-test-clients).
#   install.sh NAME...     NAME: claude codex copilot gemini opencode qwen inspector mcporter
# What is already there in the pinned version is left alone. Node 24 and the server under test
# (server-everything) always come along. Commands are linked into $CLIENTS_DIR/bin.
set -euo pipefail
CLIENTS_DIR=${CLIENTS_DIR:-$HOME/.cache/mcpproxy-test-clients}
mkdir -p "$CLIENTS_DIR/bin"
export PATH=$CLIENTS_DIR/bin:$PATH

# npm_install FOLDER "PACKAGE@VERSION..." [COMMAND...]
npm_install() {
  local dir=$CLIENTS_DIR/$1 packages=$2 start=$SECONDS cmd
  if [ "$(cat "$dir/.installed" 2>/dev/null)" = "$packages" ]; then return; fi
  echo "installing $packages"
  rm -rf "$dir" && mkdir "$dir"
  # shellcheck disable=SC2086  # several packages in one word
  if ! npm install --prefix "$dir" --no-audit --no-fund --save-exact $packages >"$dir/install.log" 2>&1; then
    tail -n 30 "$dir/install.log" >&2
    return 1
  fi
  for cmd in "${@:3}"; do ln -sfn "../$1/node_modules/.bin/$cmd" "$CLIENTS_DIR/bin/$cmd"; done
  echo "$packages" >"$dir/.installed"
  echo "installed $1 in $((SECONDS - start)) s"
}

[ $# -gt 0 ] || { sed -n '2,5s/^# \{0,1\}//p' "$0"; exit 2; }
npm_install node24 node@24.21.0
ln -sfn ../node24/node_modules/node/bin/node "$CLIENTS_DIR/bin/node"
npm_install everything @modelcontextprotocol/server-everything@2026.8.31 mcp-server-everything

for name in "$@"; do
  case $name in
    claude) npm_install claude @anthropic-ai/claude-code@2.1.330 claude ;;
    codex) npm_install codex @openai/codex@0.169.0 codex ;;
    copilot) npm_install copilot @github/copilot@1.0.102 copilot ;;
    gemini) npm_install gemini @google/gemini-cli@0.61.0 gemini ;;
    opencode) npm_install opencode opencode-ai@1.18.33 opencode ;;
    qwen) npm_install qwen @qwen-code/qwen-code@0.24.4 qwen ;;
    inspector) npm_install inspector @modelcontextprotocol/inspector@2.12.0 mcp-inspector ;;
    mcporter) npm_install mcporter mcporter@0.12.3 mcporter ;;
    *) echo "install.sh: unknown client $name" >&2; exit 2 ;;
  esac
done
