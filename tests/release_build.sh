#!/usr/bin/env bash
# What is shipped has nothing that only tests want: no crash point is compiled, and none is named in what is. Nothing
# but one file is built for it; a release that was built already is looked at as well.
set -euo pipefail
root=${1:?usage: release_build.sh ROOT}
build=$(mktemp -d)
trap 'rm -rf "$build"' EXIT

fail() {
  echo "release_build: $*" >&2
  exit 1
}

# Of the words of a crash point that is compiled in, whichever it is.
names_of() { { grep -aoE 'GITFERRY_CRASH_AT|crash point \{\} reached|crash_point' "$1" || true; } | sort -u | tr '\n' ' '; }

cmake -S "$root" --preset release -B "$build" >"$build.log" 2>&1 || { cat "$build.log" >&2; fail "cannot be configured"; }
rm -f "$build.log"
[[ -s $build/compile_commands.json ]] || fail "nobody knows what would be compiled"
if grep -n 'CRASH_POINT\|crash_point' "$build/compile_commands.json"; then fail "the release preset has crash points"; fi

# A file with crash points, compiled as the release does.
writer=agent/store/CMakeFiles/gitferry_store.dir/writer.cpp.o
cmake --build "$build" --target "$writer" >/dev/null
grep -q 'crash_point(CrashPoint::AfterCommit)' "$root/agent/store/writer.cpp" || fail "writer.cpp has no crash point to be left out"
found=$(names_of "$build/$writer")
[[ -z $found ]] || fail "writer.cpp, compiled for a release, has: $found"

if [[ -x $root/build/release/gitferry ]]; then
  found=$(names_of "$root/build/release/gitferry")
  [[ -z $found ]] || fail "build/release/gitferry has: $found"
fi
echo "release_build: no crash point is in what is shipped"
