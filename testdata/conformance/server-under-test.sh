#!/bin/bash
# Judge the proxy as an MCP *server* with the official suite, which speaks only
# HTTP: bridge/ stands between. The proxy's one upstream is the reference fixture.
#
#   PROXY=/path/mcpproxy-stdio ./server-under-test.sh 0.1.16|2025-11-25 OUT
#   ./server-under-test.sh 2025-11-25 OUT [-prefix up__] -- any stdio server command
#
# UPSTREAM=stdio (default) | http: how the proxy reaches the fixture.
# Last line: "score: PASSED/SCORED". OUT/run.txt has the suite's output, OUT/trace.txt every JSON line.
set -u
. "$(dirname "$0")/lib.sh"
[ $# -ge 2 ] || { sed -n '2,9p' "$0"; exit 2; }
which=$1 out=$2; shift 2
mkdir -p "$out"; out=$(cd "$out" && pwd)
rm -rf "${out:?}"/*
fixture=$bin/gosdk-everything-server
if [ $# -eq 0 ]; then
  state=$(mktemp -d)
  if [ "${UPSTREAM:-stdio}" = http ]; then
    up=$("$bin/driver" freeport)
    "$fixture" -http=127.0.0.1:"$up" -stateless=false >"$out/fixture.log" 2>&1 & pids+=($!)
    wait_port "$up" || exit 3
    vars=$("$bin/driver" render http "$state" "http://127.0.0.1:$up/mcp") || exit 3
  else
    vars=$("$bin/driver" render stdio "$state" "$fixture") || exit 3
  fi
  eval "$vars"
  eval "set -- -prefix '$PROXY_PREFIX' -- $PROXY_LINE"
fi
port=$("$bin/driver" freeport)
: > "$out/trace.txt"
"$bin/bridge" -listen 127.0.0.1:"$port" -trace "$out/trace.txt" "$@" >"$out/bridge.log" 2>&1 & pids=($! "${pids[@]}")
wait_port "$port" || exit 3
url=http://127.0.0.1:$port/mcp
case $which in
  0.1.16) "$NODE" -r "$kit/loopback.cjs" "$SUITE_0116" server --url "$url" -o "$out" ;;
  *)      "$NODE" -r "$kit/loopback.cjs" "$SUITE_020" server --url "$url" --requirements "$which" -o "$out" ;;
esac >"$out/run.txt" 2>&1
sed -n '/SUMMARY/,$p' "$out/run.txt" | cut -c1-180
# A scenario counts when it is ticked in the summary and not in the "Not scored" list.
awk '/SUMMARY/{s=1} /^Not scored/{n=1} s&&!n&&/^[^ ]+ [^ ]+: [0-9]+ passed/{k=$2; sub(/:$/,"",k); v[k]=($1=="✓")}
     n&&/^  [^ ]+ [^ ]+ \(/{delete v[$2]} END{for(k in v){t++; p+=v[k]} printf "score: %d/%d\n", p, t}' "$out/run.txt"
