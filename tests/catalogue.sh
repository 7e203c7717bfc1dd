#!/usr/bin/env bash
# Every row of the threat catalogue that concerns the program has a test with its id in the name (S05_…), and no test names a
# row that there is not.
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

[ "$failed" = 0 ] && echo "catalogue: each row has its tests"
exit "$failed"
