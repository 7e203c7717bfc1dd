#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "agent/base/guarded.h"
#include "agent/base/result.h"
#include "agent/base/unique_fd.h"
#include "agent/git/ssh_master.h"

namespace gitferry {

/// A directory of our own for sockets: 0700, under a name that nobody can guess, locked while we live.
///
/// Owns: the directory; the destructor removes it. One that a killed agent left is removed by the next.
class PrivateSocketDirectory {
 public:
  /// Errors: LocalPermission where none can be made, or where its path is too long for a socket.
  static Result<PrivateSocketDirectory> make(const std::string& base);
  PrivateSocketDirectory(PrivateSocketDirectory&&) noexcept = default;
  PrivateSocketDirectory& operator=(PrivateSocketDirectory&&) noexcept = default;
  ~PrivateSocketDirectory();
  [[nodiscard]] const std::string& path() const { return path_; }
  /// Whether its path still leads to it, and it is ours alone.
  [[nodiscard]] bool is_intact() const;

 private:
  PrivateSocketDirectory(std::string path, UniqueFd lock) : path_(std::move(path)), lock_(std::move(lock)) {}
  std::string path_;
  UniqueFd lock_;
};

/// The ssh connections that are kept between runs, for all workers together.
///
/// Owns:      its masters and their directory. Nothing is left of either when it goes.
/// Threading: all calls from any thread.
/// Invariant: a connection is shared by those alone who would have made the same one: same host, port, login,
///            options, configuration, keys and known hosts.
class SshMasters {
 public:
  struct Options {
    std::chrono::milliseconds reuse{};  ///< how long a connection takes new runs; more than zero
    std::string directory;              ///< for the sockets; empty: the system's for temporary files
    std::size_t limit = 32;  ///< connections at a time; further hosts are connected to for each run
  };
  explicit SshMasters(Options options);
  SshMasters(const SshMasters&) = delete;
  SshMasters& operator=(const SshMasters&) = delete;
  ~SshMasters();

  /// A share of the connection of that `identity`, opened as `opening` says where there is none. Nothing
  /// where connections cannot be kept.
  ///
  /// Blocking: no; half a second at most, where one that is not in use gives way.
  SshMaster::Use use(const std::string& identity, const SshMaster::Opening& opening);
  /// The process-wide number of connections: for tests.
  [[nodiscard]] std::size_t size_for_test();

 private:
  using MasterList = std::vector<std::unique_ptr<SshMaster>>;
  struct State {
    bool was_tried = false;
    std::unique_ptr<PrivateSocketDirectory> directory;  ///< none: connections are not kept
    std::map<std::string, std::unique_ptr<SshMaster>> masters;
    MasterList retired;  ///< too old, and still used
    std::uint64_t made = 0;
  };
  [[nodiscard]] bool can_keep(State& state) const;
  /// Takes out what ended, and where there is no room the connection that was idle longest.
  [[nodiscard]] MasterList make_room(State& state) const;

  Options options_;
  Guarded<State> state_;
};

}  // namespace gitferry
