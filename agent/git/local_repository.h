#pragma once

#include <string>

#include "agent/base/result.h"
#include "agent/base/unique_fd.h"
#include "agent/model/local_directories.h"

namespace gitferry {

/// Opens the repository that git would find at an absolute path (`x` may be `x.git` or `x/.git`), where it
/// really is in one of the named directories: symbolic links lead into them, never out. Who is started in
/// what is returned works there, whatever becomes of the path meanwhile.
///
/// What lies in a repository is its owner's, by whom git goes itself: objects that it borrows are not looked
/// at. A `.git` that is a file is not followed.
///
/// Precondition: directories are named. Blocking: on the disk.
/// Errors: RepositoryMissing, AccessDenied; AddressRefused where it is somewhere else.
Result<UniqueFd> open_local_repository(const std::string& path, const LocalDirectories& directories);

}  // namespace gitferry
