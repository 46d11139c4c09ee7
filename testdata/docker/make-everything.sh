#!/usr/bin/env bash
# Makes the root file system of an image with a real MCP server, without an image registry:
#   make-everything.sh DIR NODE_MODULES
# DIR/everything.tar is this machine's own Debian release (by debootstrap, from the mirror that its apt has), its Node, and
# NODE_MODULES (with @modelcontextprotocol/server-everything) as /srv/node_modules. Needs root. Does nothing if it is up to date.
set -euo pipefail
[ $# = 2 ] || { sed -n '2,5s/^# \{0,1\}//p' "$0"; exit 2; }
dir=$1 modules=$2
PATH=$PATH:/usr/sbin:/sbin
script=srv/node_modules/@modelcontextprotocol/server-everything/dist/index.js

# shellcheck source=/dev/null
suite=$(. /etc/os-release && echo "$VERSION_CODENAME")
node=$(realpath "$(type -P node)")
key="$suite $(dpkg --print-architecture) $("$node" --version) $(cat "$0" "$modules/.package-lock.json" | sha256sum)"
[ -e "$dir/everything.tar" ] && [ "$(cat "$dir/everything.key" 2>/dev/null)" = "$key" ] && exit

# apt's own answer: its sources stand in two formats, and in many files.
mirror_of() {
  # shellcheck disable=SC2016  # for apt
  apt-get indextargets --format '$(CODENAME) $(COMPONENT) $(REPO_URI)' 'Created-By: Packages' |
    awk -v suite="$1" '$1 == suite && $2 == "main" { print $3; exit }'
}

mkdir -p "$dir"
rm -f "$dir/everything.key"
work=$(mktemp -d -p "$dir")
trap 'rm -rf --one-file-system "$work"' EXIT

base="$dir/debian-$suite.tar"
if [ ! -e "$base" ]; then
  mirror=$(mirror_of "$suite")
  [ -n "$mirror" ] || { apt-get update -q >&2; mirror=$(mirror_of "$suite"); }
  [ -n "$mirror" ] || { echo "apt has no source of $suite main" >&2; exit 1; }
  unshare --mount --propagation private debootstrap --variant=minbase "$suite" "$work/debian" "$mirror" >"$work/debootstrap.log" || { tail "$work/debootstrap.log" >&2; exit 1; }
  # What no program needs makes up most of it.
  tar -c -C "$work/debian" --exclude './dev/*' --exclude './var/cache/*' --exclude './var/lib/apt/lists/*' --exclude './usr/share/doc/*' \
    --exclude './usr/share/locale/*' --exclude './usr/share/man/*' --exclude './usr/share/zoneinfo/*' --exclude './usr/share/i18n/*' . >"$work/base.tar"
  rm -rf --one-file-system "$work/debian"
  mv "$work/base.tar" "$base"
fi

root=$work/root
mkdir "$root"
tar -x -C "$root" -f "$base"
install -D "$node" "$root/usr/local/bin/node"
ldd "$node" | awk '$2 == "=>" && $3 ~ /^\// { print $3 }' | while read -r library; do
  [ -e "$root$library" ] || install -D "$(realpath "$library")" "$root$library"
done
mkdir -p "$root/srv"
cp -r "$modules" "$root/srv/node_modules"

# It must run in there before anybody has to find out why it does not.
initialize='{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"check","version":"1"}}}'
chroot "$root" /usr/local/bin/node "/$script" <<<"$initialize" 2>&1 | grep -q '"serverInfo"' || { echo "node or server-everything does not run in $suite" >&2; exit 1; }

tar -c -C "$root" --sort=name . >"$work/everything.tar"
mv "$work/everything.tar" "$dir/everything.tar"
echo "$key" >"$dir/everything.key"
