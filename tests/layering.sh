#!/usr/bin/env bash
# Include directions of the house: a layer may include only the layers listed for it; and no type's name twice.
# See ARCHITECTURE.md.
set -u
root=${1:?usage: layering.sh ROOT}
cd "$root" || exit 2
failed=0

# check FOLDER ALLOWED… : every project include below FOLDER must begin with FOLDER itself or one of ALLOWED.
check() {
  local folder=$1 allowed line path
  shift
  allowed="^($(IFS='|'; echo "$folder $*" | tr ' ' '|'))/"
  while IFS= read -r line; do
    path=${line#*\"}
    path=${path%%\"*}
    if ! [[ $path =~ $allowed ]]; then
      echo "layering: ${line%%:*} includes $path"
      failed=1
    fi
  done < <(grep -rnE '^#include "' --include='*.h' --include='*.cpp' "$folder")
}

# only LIBRARY_REGEX FOLDER… : the library's headers may be included below the FOLDERs only.
only() {
  local library=$1 owners found
  shift
  owners="^($(IFS='|'; echo "$*" | tr ' ' '|'))/"
  found=$(grep -rlE "^#include <($library)" --include='*.h' --include='*.cpp' agent api config | grep -vE "$owners")
  if [ -n "$found" ]; then
    echo "layering: <$library> belongs to $* alone, but is included by: $found"
    failed=1
  fi
}

check agent/base
check agent/model agent/base
check agent/git agent/base agent/model
check agent/store agent/base agent/model
check agent/sync agent/base agent/model agent/git agent/store
check agent/notify agent/base agent/model agent/git agent/store
check config agent/base agent/model
check api agent/base agent/model agent/git agent/store agent/sync
check agent/daemon agent/base agent/model agent/git agent/store agent/sync agent/notify config api

only 'SQLiteCpp|sqlite3\.h' agent/store
only 'libpq|postgres' agent/store/postgres
only 'git2' agent/git
only 'curl/' agent/git agent/notify
only 'yaml\.h|yaml-cpp' config
only 'httplib\.h|nlohmann/' api
only 'json/' api agent/notify
only 'CLI/' agent/daemon
only 'spdlog/' agent/base
only 'prometheus/' agent/base

# Two types of one name break the rule of one definition, and what the linker then keeps crashes at exit. Types in
# unnamed namespaces do not meet others.
twins=$(find agent config api \( -name '*.h' -o -name '*.cpp' \) -exec awk '
  FNR == 1 { space = ""; unnamed = 0 }
  /^namespace \{/ { unnamed = 1 }
  /^\}  \/\/ namespace$/ { unnamed = 0 }
  /^namespace [a-z_:]+ \{/ { space = $2 }
  /^(class|struct|union|enum|enum class) [A-Za-z_0-9]+( |$)/ && !/;$/ && !unnamed {
    name = $1 == "enum" && $2 == "class" ? $3 : $2
    print space "::" name, FILENAME
  }' {} + | sort | awk '
  $1 == last { print "layering: " $1 " is defined in " file " and in " $2 }
  { last = $1; file = $2 }')
if [ -n "$twins" ]; then
  echo "$twins"
  failed=1
fi

# S-14: the time of an ordinary comparison tells where a guess went wrong. Secrets and digests are compared by
# equal_in_constant_time() and matches() alone; sizes may be.
compared=$(grep -rnE 'reveal\(\) *[!=]=|[!=]= *[A-Za-z_.>-]*reveal\(\)( |;|\)|$)|(^|[^A-Za-z_])(memcmp|strcmp|strncmp)\(' \
  --include='*.h' --include='*.cpp' agent api config)
if [ -n "$compared" ]; then
  echo "layering: compared in a time that tells: $compared"
  failed=1
fi

[ "$failed" = 0 ] && echo "layering: every include follows the house, every type has its own name, no secret is compared openly"
exit "$failed"
