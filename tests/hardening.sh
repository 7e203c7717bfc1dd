#!/usr/bin/env bash
# S-42: what the compiler and the linker can do against somebody who found a hole. hardening.sh PROGRAM… fails where one of
# them was built without.
set -u
failed=0

# want TEXT COMMAND… : COMMAND must find something; TEXT says what is missing otherwise.
want() {
  local text=$1
  shift
  "$@" >/dev/null || { echo "hardening: $program: $text"; failed=1; }
}

for program in "$@"; do
  headers=$(readelf -hldW "$program") || exit 2
  symbols=$(readelf --dyn-syms -W "$program")
  want "no position-independent executable" grep -qE 'Type: +DYN' <<<"$headers"
  want "not marked as such (PIE)" grep -qE 'FLAGS_1.*PIE' <<<"$headers"
  want "no RELRO" grep -q GNU_RELRO <<<"$headers"
  want "not all symbols are bound at the start (BIND_NOW)" grep -qE 'FLAGS.*(BIND_)?NOW' <<<"$headers"
  want "an executable stack" grep -qE 'GNU_STACK .* RW +0x' <<<"$headers"
  want "no guarded stacks" grep -q __stack_chk_fail <<<"$symbols"
  want "no checked copies (_FORTIFY_SOURCE)" grep -qE '__[a-z_]+_chk@' <<<"$(grep -v __stack_chk_fail <<<"$symbols")"
  if [[ $headers == *X86-64* ]]; then
    # The mark of a whole program is lost where the system's own start files lack it: the instruction at the beginning of a
    # function is what counts. Two are in the start files.
    landings=$(LC_ALL=C grep -aoP '\xf3\x0f\x1e\xfa' "$program" | wc -l)
    want "no control-flow protection" test "$landings" -gt 2
  fi
done
[ "$failed" = 0 ] && echo "hardening: $* as wanted"
exit "$failed"
