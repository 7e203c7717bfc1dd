#!/usr/bin/env bash
# Two real git hosts on this machine, gitferry between them, and pushes that arrive, are ignored and are refused.
# Run it with `./dev demo`; `--keep` leaves everything running to play with, until Enter is pressed.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
gitferry=${GITFERRY:-$root/build/release/gitferry}
git_host=$root/tests/support/git-host
keep=no
case ${1:-} in
  '') ;;
  --keep) keep=yes ;;
  *) echo "usage: demo.sh [--keep]" >&2; exit 2 ;;
esac

# Nothing of the user's own git settings may change what is shown.
export GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_GLOBAL=/dev/null GIT_TERMINAL_PROMPT=0
export GIT_AUTHOR_NAME=Ada GIT_AUTHOR_EMAIL=ada@example.org GIT_COMMITTER_NAME=Ada GIT_COMMITTER_EMAIL=ada@example.org

# ---- what is shown --------------------------------------------------------------------------------------------
if [[ -t 1 && -z ${NO_COLOR:-} ]]; then bold=$'\e[1m' green=$'\e[32m' red=$'\e[31m' dim=$'\e[2m' plain=$'\e[0m'
else bold='' green='' red='' dim='' plain=''; fi
step() { printf '\n%s%s%s\n' "$bold" "$*" "$plain"; }
note() { printf '   %s\n' "$*"; }
ok() { printf ' %s✓%s %s\n' "$green" "$plain" "$*"; }
die() {
  printf ' %s✗ %s%s\n' "$red" "$*" "$plain" >&2
  [[ -s ${work:-}/gitferry.log ]] && tail -n 5 "$work/gitferry.log" >&2
  exit 1
}

# ---- what is left behind: nothing -----------------------------------------------------------------------------
work=$(mktemp -d /tmp/gitferry-demo.XXXXXX)
agent=''
clean_up() {
  if [[ -n $agent ]]; then
    kill "$agent" 2>/dev/null || true
    wait "$agent" 2>/dev/null || true
  fi
  "$git_host" stop --root "$work/internal" 2>/dev/null || true
  "$git_host" stop --root "$work/external" 2>/dev/null || true
  rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 130' INT TERM

# wait_until WHAT COMMAND… : until the command succeeds, for at most 20 seconds.
wait_until() {
  local what=$1 deadline=$((SECONDS + 20))
  shift
  until "$@"; do
    ((SECONDS < deadline)) || die "waited in vain: $what"
    [[ -z $agent ]] || kill -0 "$agent" 2>/dev/null || die "gitferry ended"
    sleep 0.05
  done
}

tip() { git --git-dir="$work/$1/repos/robot.git" rev-parse --verify --quiet "refs/heads/$2" || echo none; }
api() { curl -sS --max-time 10 -H @"$work/headers" -H 'Accept-Language: en' "$url/cerobot/sync/$1"; }
shorten() { cut -c1-7 <<<"$1"; }

# history : some hundred commits of two people on a few files, as a fast-import stream.
history() {
  local commit
  echo "reset refs/heads/main"
  for ((commit = 1; commit <= 300; commit++)); do
    echo "commit refs/heads/main"
    echo "committer Ada <ada@example.org> $((1700000000 + commit * 600)) +0000"
    printf 'data <<END\nChange number %d\nEND\n' "$commit"
    printf 'M 100644 inline src/part%d.txt\ndata <<END\n' $((commit % 17))
    seq -f "line %g of change $commit" 40
    printf 'END\n\n'
  done
}

# commit HOST BRANCH TEXT : somebody clones over http, commits, and pushes.
commit() {
  local host=$1 branch=$2 text=$3 clone
  clone=$(mktemp -d "$work/clone.XXXXXX")
  local git=(git -c "credential.helper=store --file=$work/git-credentials")
  "${git[@]}" clone -q --branch "$branch" "$(address "$host")" "$clone"
  echo "$text" >>"$clone/NEWS"
  git -C "$clone" add NEWS
  git -C "$clone" commit -q -m "$text"
  (cd "$clone" && "${git[@]}" push -q origin "$branch")
  rm -rf "$clone"
}
address() { if [[ $1 == internal ]]; then echo "$internal_url/robot.git"; else echo "$external_url/robot.git"; fi; }

# deliver BRANCH BEFORE : what the internal host would send after a push.
deliver() {
  "$gitferry" send-webhook --config "$work/gitferry.yaml" --url "$url" --provider github --repo robot \
    --side internal --ref "$1" --before "$2" --after "$(tip internal "$1")" >"$work/answer" 2>"$work/answer.status" ||
    die "the webhook was refused: $(cat "$work/answer.status" "$work/answer")"
  note "webhook answered ${dim}$(cat "$work/answer.status")${plain}"
}
newest_delivery() { api "deliveries?repo_name=robot&page_size=1" | jq -r ".data[0].$1"; }
newest_run() { api "repo/robot/logs?page_size=1" | jq -r ".data[0].$1"; }
run_of_delivery_is_over() {
  local delivery
  delivery=$(newest_delivery id)
  [[ $(newest_run delivery_id) == "$delivery" && $(newest_run state) == finished ]]
}

# ---- the story ------------------------------------------------------------------------------------------------
step "1  Two git hosts: git http-backend behind nginx, with passwords"
for host in internal external; do
  head -c 16 /dev/urandom | od -An -tx1 | tr -d ' \n' >"$work/$host-password"
  chmod 600 "$work/$host-password"
done
internal_url=$("$git_host" start --root "$work/internal" --user bot --password "$(cat "$work/internal-password")")
external_url=$("$git_host" start --root "$work/external" --user bot --password "$(cat "$work/external-password")")
for host in internal external; do
  git init -q --bare --initial-branch=main "$work/$host/repos/robot.git"
  base=${internal_url%/git}
  [[ $host == internal ]] || base=${external_url%/git}
  (umask 077 && echo "http://bot:$(cat "$work/$host-password")@${base#http://}" >>"$work/git-credentials")
done
history | git --git-dir="$work/internal/repos/robot.git" fast-import --quiet
for branch in stable experiment; do git --git-dir="$work/internal/repos/robot.git" branch "$branch" main; done
ok "internal $internal_url/robot.git: $(git --git-dir="$work/internal/repos/robot.git" rev-list --count main) commits"
ok "external $external_url/robot.git: empty"

step "2  A configuration, and the first sync"
(umask 077 && head -c 32 /dev/urandom | od -An -tx1 | tr -d ' \n' >"$work/hook-secret")
cat >"$work/gitferry.yaml" <<YAML
version: 1
server:
  listen: "127.0.0.1:0"              # 0: any free port; the log says which
storage:
  url: "sqlite:$work/data/gitferry.db"
sync:
  sync_dir: $work/spool
network:
  allow_schemes: [http]              # the demo's hosts speak plain http ...
  allow_cidrs: [127.0.0.0/8]         # ... and live on this machine
credentials:                         # secrets stay in files of their own
  - {match: "$internal_url/", username: bot, password_file: $work/internal-password}
  - {match: "$external_url/", username: bot, password_file: $work/external-password}
repos:
  - name: robot
    internal: $internal_url/robot.git
    external: $external_url/robot.git
    direction: to_outer              # internal -> external
    webhook:
      internal: {provider: github, secret_file: $work/hook-secret}
    branches:
      - {internal: main, external: main}
      - {internal: stable, external: release}            # the names may differ
      - {internal: experiment, external: experiment, enable: false}
YAML
note "$("$gitferry" check-config --config "$work/gitferry.yaml")"
"$gitferry" sync robot --config "$work/gitferry.yaml" | sed 's/^/   /'
[[ $(tip internal main) == "$(tip external main)" ]] || die "the first sync did not arrive"
ok "external main and release are at $(shorten "$(tip external main)")"

step "3  gitferry serve"
"$gitferry" serve --config "$work/gitferry.yaml" 2>"$work/gitferry.log" &
agent=$!
wait_until "gitferry is ready" grep -q 'gitferry is ready' "$work/gitferry.log"
url=http://$(grep 'gitferry is ready' "$work/gitferry.log" | jq -r .listen)
(umask 077 && echo "Authorization: Bearer $(cat "$work/data/admin-token")" >"$work/headers")
ok "listens on $url; it made a management token in data/admin-token"

step "4  A push to main reaches the other host"
before=$(tip internal main)
commit internal main "A new feature"
note "pushed $(shorten "$(tip internal main)") to internal main; external is at $(shorten "$(tip external main)")"
deliver main "$before"
wait_until "the run of the delivery" run_of_delivery_is_over
note "delivery $(newest_delivery id) $(newest_delivery verdict), run $(newest_run id): $(newest_run plan)," \
  "$(newest_run pack_bytes) bytes of pack, $(newest_run duration_ms) ms"
[[ $(tip internal main) == "$(tip external main)" ]] || die "the tips differ: $(newest_run log)"
ok "both hosts are at $(shorten "$(tip external main)")"

step "5  A push to a disabled branch is ignored, with its reason"
before=$(tip internal experiment)
commit internal experiment "Just a try"
deliver experiment "$before"
[[ $(newest_delivery verdict) == ignored ]] || die "it was not ignored"
[[ $(tip external experiment) == none ]] || die "the branch arrived"
ok "delivery $(newest_delivery id) $(newest_delivery verdict): $(newest_delivery reason)"

step "6  A target with work of its own is refused, and left untouched"
commit external release "A fix made on the outside"
outside=$(tip external release)
before=$(tip internal stable)
commit internal stable "Another fix, made inside"
note "internal stable $(shorten "$(tip internal stable)"), external release $(shorten "$outside"): neither is the other's ancestor"
deliver stable "$before"
wait_until "the run of the delivery" run_of_delivery_is_over
[[ $(newest_run code_status) == 20010 ]] || die "expected code 20010: $(newest_run log)"
[[ $(tip external release) == "$outside" ]] || die "the target was changed"
note "run $(newest_run id): $(newest_run plan), code $(newest_run code_status)"
note "${dim}$(newest_run log | head -n 3)${plain}"
ok "external release is still at $(shorten "$outside")"

if [[ $keep == yes ]]; then
  step "It keeps running"
  note "gitferry   $url          log: $work/gitferry.log"
  note "token      \$(cat $work/data/admin-token)"
  note "internal   $internal_url/robot.git"
  note "external   $external_url/robot.git"
  note "clone      git -c credential.helper='store --file=$work/git-credentials' clone $internal_url/robot.git"
  note "deliver    $gitferry send-webhook --config $work/gitferry.yaml --url $url --provider github --repo robot --side internal --ref main --after $(tip internal main)"
  note "ask        curl -H @$work/headers $url/cerobot/sync/status"
  printf '\n   Press Enter (or Ctrl-C) to stop and clean up. '
  read -r _ || sleep infinity
fi

step "7  SIGTERM drains"
kill -TERM "$agent"
wait "$agent" || die "gitferry ended with code $?"
agent=''
ok "gitferry ended with code 0; the hosts and $work are removed"
