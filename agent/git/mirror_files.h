#pragma once

#include <string>

#include "agent/base/result.h"
#include "agent/git/mirror_manifest.h"

namespace gitferry {

/// The files of a mirror, apart from what is in its packs: a bare repository that plain git can read too,
/// with a manifest. Nothing in it is taken for an instruction: a HEAD, a configuration, hooks, alternates or
/// refs that are not as they were written here are damage.
///
/// Errors: LocalRepositoryDamaged; those of mirror_file_error() for what the system refuses.
class MirrorFiles {
 public:
  /// `path`: a directory of our own.
  explicit MirrorFiles(std::string path) : path_(std::move(path)) {}

  [[nodiscard]] std::string objects_directory() const { return path_ + "/objects"; }
  [[nodiscard]] std::string pack_directory() const { return path_ + "/objects/pack"; }
  [[nodiscard]] std::string config_file() const { return path_ + "/config"; }

  /// The mirror as it was last whole, after a look at every file; one of no packs where the directory is
  /// empty. What a run that died left behind is removed.
  Result<MirrorManifest> open();
  /// Makes `manifest` the one in force; a crash leaves either it or the one before.
  Status write(const MirrorManifest& manifest);
  /// What is on the disk of `name`.
  [[nodiscard]] Result<MirrorManifest::Pack> pack_named(const std::string& name) const;
  /// Removes the packs that `manifest` does not have, whole or half written.
  Status remove_other_packs(const MirrorManifest& manifest);

 private:
  Status make();
  Status check_layout() const;
  [[nodiscard]] std::string manifest_file() const { return path_ + "/gitferry-mirror"; }

  std::string path_;
};

}  // namespace gitferry
