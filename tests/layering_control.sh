#!/usr/bin/env bash
# That tests/layering.sh finds what it looks for: a secret that is compared openly, and an include against the direction.
set -u
root=${1:?usage: layering_control.sh ROOT}
copy=$(mktemp -d) || exit 2
trap 'rm -rf "$copy"' EXIT
cp -r "$root/agent" "$root/api" "$root/config" "$copy"
"$root/tests/layering.sh" "$copy" || { echo "control: the copy itself fails"; exit 1; }
for planted in 'bool same(const Secret& a) { return a.reveal() == "x"; }' 'bool same(const char* a) { return strcmp(a, "x"); }' \
  '#include "api/auth.h"'; do
  printf '%s\n' "$planted" >"$copy/agent/base/planted.cpp"
  if "$root/tests/layering.sh" "$copy" >/dev/null; then
    echo "control: not found: $planted"
    exit 1
  fi
done
echo "control: what was planted is found"
