#!/bin/bash
# Judge the proxy as an MCP *client* (streamable HTTP, OAuth) with the official suite.
# The suite starts a server per scenario; driver/ starts the proxy in front of it and acts as the editor.
#
#   PROXY=/path/mcpproxy-stdio ./client-under-test.sh 2025-11-25|2026-07-28 OUT [scenario ...]
#
# DRIVER_ERA=auto (default: the era of the scenario) | legacy | modern: what the editor speaks to the proxy.
# LOGIN_ONLY=1: only the auth scenarios, judged by the suite's checks even if the call after the login fails.
# SCORED_ONLY=1: not those that are run and listed but never counted.
# Scenarios run one after another. Last line: "score: PASSED/SCORED". One text file a scenario in OUT.
set -u
. "$(dirname "$0")/lib.sh"
[ $# -ge 2 ] || { sed -n '2,11p' "$0"; exit 2; }
which=$1 out=$2; shift 2
mkdir -p "$out"; out=$(cd "$out" && pwd)
[ $# -eq 0 ] && rm -rf "${out:?}"/*
export DRIVER_ERA=${DRIVER_ERA:-auto}
declare -A unscored
all=$("$NODE" "$SUITE_020" list --requirements "$which")
list=$(awk '/^Client/{c=1} /^Run and reported/{c=0} c&&/^  - /{print $2}' <<<"$all")
[ -z "${LOGIN_ONLY:-}" ] || list=$(grep '^auth/' <<<"$list")
while read -r s r; do unscored[$s]=$r; list+=" $s"; done < <(awk '/^Run and reported/{n=1} n&&/^  [^ -]/{r=$1} n&&/\[client\]/{print $2, r}' <<<"$all")
[ $# -gt 0 ] && list="$*"
pass=0 total=0
for s in $list; do
  f=$out/${s//\//_}.txt x=()
  [ -n "${unscored[$s]:-}" ] && { [ -n "${SCORED_ONLY:-}${LOGIN_ONLY:-}" ] && [ $# -eq 0 ] && continue; x=(--force); }
  timeout 120 "$NODE" -r "$kit/loopback.cjs" "$SUITE_020" client --command "$bin/driver" --scenario "$s" --timeout 60000 --spec-version "$which" "${x[@]}" -o "$out" >"$f" 2>&1
  rc=$?
  line=$(grep -E '^Passed:|SKIPPED' "$f" | tail -1)
  m=ok; [ $rc -eq 0 ] || m=FAIL
  if [ -n "${unscored[$s]:-}" ]; then m="$m (not scored: ${unscored[$s]})"; else total=$((total+1)); [ $rc -eq 0 ] && pass=$((pass+1)); fi
  printf '%-44s %-32s %s\n' "$s" "$m" "$line"
done
echo "score: $pass/$total"
