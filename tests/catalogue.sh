#!/usr/bin/env bash
# Every row of the threat catalogue that concerns the program has a test with its id in the name (S05_…), and no test names a
# row that there is not. Every promise of docs/reliability.md has its row, and names tests that there are.
set -u
root=${1:?usage: catalogue.sh ROOT}
cd "$root" || exit 2
failed=0

# Looked for where they are built or shipped: the container and the unit file (S-40, S-41).
elsewhere='S40|S41'

names=$(grep -rhoE '(TEST|TEST_F|TEST_P)\([A-Za-z0-9_]+, *[A-Za-z0-9_]+' --include='*_test.cpp' tests
  grep -rhoE 'add_test\(NAME [A-Za-z0-9_.]+' --include=CMakeLists.txt tests)
found=$(grep -oE '(, *|NAME |_)(S[0-9]{2}_)+' <<<"$names" | grep -oE 'S[0-9]{2}' | sort -u)

for number in $(seq -w 1 47); do
  id=S$number
  [[ $id =~ ^($elsewhere)$ ]] && continue
  if ! grep -qx "$id" <<<"$found"; then
    echo "catalogue: no test has the name of $id"
    failed=1
  fi
done
while IFS= read -r id; do
  if ((10#${id#S} < 1 || 10#${id#S} > 47)); then
    echo "catalogue: a test names $id, which is no row"
    failed=1
  fi
done <<<"$found"

promises=docs/reliability.md
for number in $(seq -w 1 42); do
  if ! grep -qE "^\| R-$number \|[^|]+\| \`[^|]+\|\$" "$promises"; then
    echo "catalogue: $promises has no R-$number, or no test of it"
    failed=1
  fi
done
tests=$(sed -E 's/^TEST(_F|_P)?\(//; s/, */./' <<<"$names")
while IFS= read -r named; do
  case $named in
    ./dev\ *) grep -qE "^cmd_${named:6:4}" dev ;;
    tests/*) [ -e "$named" ] ;;
    *) grep -qxF "$named" <<<"$tests" ;;
  esac || {
    echo "catalogue: $promises names '$named', which there is not"
    failed=1
  }
done < <(sed -nE 's/^\| R-[^|]+\|[^|]+\|//p' "$promises" | tr '\140' '\n' | grep -vE '^[ |]*$' | sort -u)

[ "$failed" = 0 ] && echo "catalogue: each row has its tests"
exit "$failed"
