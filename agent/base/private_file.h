#pragma once

#include <sys/stat.h>
#include <unistd.h>

namespace gitferry {

/// Whether nobody but us, and those who gave it to us, can read or change a file with a secret.
///
/// That is a file of mode 0600 or less; or one of root's that our group may only read, where we are not root:
/// service managers and orchestrators hand secrets over so, by a group of ours or an access control list,
/// whose mask is shown in the place of the group's bits.
inline bool is_private(const struct stat& file) {
  constexpr mode_t kOthers = S_IRWXG | S_IRWXO;
  const bool is_handed_over = file.st_uid == 0 && ::geteuid() != 0;
  return (file.st_mode & kOthers & ~(is_handed_over ? S_IRGRP : 0U)) == 0;
}

}  // namespace gitferry
