#!/bin/bash
# Run every judge on a proxy and print one table.
#
#   ./judge.sh [flags] /path/mcpproxy-stdio
#
#   --out DIR           results (default: ./conformance-results)
#   --template FILE     how the proxy is started (default: proxy.json beside this script)
#   --upstream stdio|http   how the proxy reaches its upstream in the server and features legs (default stdio)
#   --legs a,b,...      only these (default: those of the --known file, else all)
#   --min LEG=N         floor of a leg's score; may be given for each leg. Default: no floor, print only
#   --min-all           each leg must reach its full score
#   --known FILE        lines "LEG N": the legs and their floors from a file (a ratchet kept in the repository)
#
# Legs: server-0.1.16 server-2025-11-25 client-2025-11-25 client-2026-07-28 login-2026-07-28 features
# Exit: 0 all floors reached, 1 a floor missed, 2 wrong use, 3 a leg could not run.
set -u
usage() { sed -n '2,15p' "$0"; exit 2; }
out=conformance-results upstream=${UPSTREAM:-stdio} proxy= all=
legs= known=
declare -A floor
while [ $# -gt 0 ]; do
  case $1 in
    --out) out=$2; shift ;;
    --template) PROXY_TEMPLATE=$(realpath "$2") || exit 2; shift ;;
    --upstream) upstream=$2; shift ;;
    --legs) legs=$2; shift ;;
    --min) floor[${2%%=*}]=${2#*=}; shift ;;
    --min-all) all=1 ;;
    --known) while read -r l n || [ -n "$l" ]; do case $l in ''|'#'*) ;; *) floor[$l]=$n known+=$l, ;; esac; done < "$2" || exit 2; shift ;;
    -*) usage ;;
    *) [ -z "$proxy" ] || usage; proxy=$1 ;;
  esac
  shift
done
legs=${legs:-${known:-server-0.1.16,server-2025-11-25,client-2025-11-25,client-2026-07-28,login-2026-07-28,features}}
. "$(dirname "$0")/lib.sh"
if [ -n "$proxy" ]; then
  PROXY=$(realpath "$(command -v "$proxy")") || { echo "no such program: $proxy" >&2; exit 2; }
  export PROXY
elif grep -q '"{proxy}"' "$PROXY_TEMPLATE"; then
  usage
fi
export UPSTREAM=$upstream
for leg in ${legs//,/ } "${!floor[@]}"; do
  case $leg in
    server-0.1.16|server-2025-11-25|client-2025-11-25|client-2026-07-28|login-2026-07-28|features) ;;
    *) echo "no such leg: $leg" >&2; exit 2 ;;
  esac
done
mkdir -p "$out"; out=$(cd "$out" && pwd)
printf '%-26s %-14s %-7s %-7s %s\n' leg passed/scored floor seconds verdict | tee "$out/table.txt"
bad=0
for leg in ${legs//,/ }; do
  t0=$SECONDS
  log=$out/$leg.txt
  case $leg in
    server-*) "$kit/server-under-test.sh" "${leg#server-}" "$out/$leg" >"$log" 2>&1 ;;
    client-2026-07-28) DRIVER_WAIT=${DRIVER_WAIT:-4} "$kit/client-under-test.sh" 2026-07-28 "$out/$leg" >"$log" 2>&1 ;;
    client-*) "$kit/client-under-test.sh" "${leg#client-}" "$out/$leg" >"$log" 2>&1 ;;
    login-*)  LOGIN_ONLY=1 DRIVER_ERA=legacy DRIVER_WAIT=4 "$kit/client-under-test.sh" "${leg#login-}" "$out/$leg" >"$log" 2>&1 ;;
    features) "$kit/features-under-test.sh" "$out/$leg" >"$log" 2>&1 ;;
  esac
  score=$(sed -n 's/^\(score\|features\): \([0-9]*\/[0-9]*\).*/\2/p' "$log" | tail -1)
  p=${score%/*} n=${score#*/}
  f=${floor[$leg]:-}; [ -n "$all" ] && f=$n
  if [ -z "$score" ] || [ "$n" -eq 0 ]; then verdict="could not run: see $log"; bad=3; score=-
  elif [ -z "$f" ]; then verdict=
  elif [ "$p" -ge "$f" ]; then verdict=ok
  else verdict="below the floor: see $log"; [ $bad -eq 3 ] || bad=1; fi
  printf '%-26s %-14s %-7s %-7s %s\n' "$leg" "$score" "${f:--}" $((SECONDS - t0)) "$verdict" | tee -a "$out/table.txt"
done
exit $bad
