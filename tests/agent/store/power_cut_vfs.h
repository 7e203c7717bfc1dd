#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <random>
#include <string>

#include <sqlite3.h>

namespace gitferry {

/// SQLite's own VFS over a disk that loses, when its power is cut, what was written and not synced.
///
/// The files hold what the system shows a program, its cache included. Kept apart is what the disk had, of
/// each sector that was written since the file's last sync. A cut puts it back: every sector, or some of them
/// in no order, as a disk may write its cache; it gives a file that grew zeros or garbage where nothing
/// arrived, takes away files whose directory was not synced, and brings back such as were deleted. From then
/// on every call fails, until restore_power(). Nothing is really synced, so a cut costs no time.
///
/// Not modelled: a sector's state between two writes, and sectors that are torn themselves.
///
/// Threading: all calls from any thread. Lives longer than the connections through it.
class PowerCutVfs {
 public:
  PowerCutVfs();
  PowerCutVfs(const PowerCutVfs&) = delete;
  PowerCutVfs& operator=(const PowerCutVfs&) = delete;
  ~PowerCutVfs();

  [[nodiscard]] const char* name() const { return name_.c_str(); }
  struct Moment {
    std::uint64_t call = 1;  ///< that writes, truncates, syncs or deletes, from now on
    bool at_sync = false;    ///< the first sync or deletion that is not before it
  };
  /// The power goes in the middle of that call; `seed` decides what arrived on the disk.
  void cut_at(Moment moment, std::uint64_t seed);
  /// At once.
  void cut(std::uint64_t seed);
  [[nodiscard]] bool is_cut();
  /// What was lost stays lost. No connection that saw the cut is used any more.
  void restore_power();

 private:
  static constexpr sqlite3_int64 kSector = 512;

  /// What the disk has of a sector that was written since.
  struct Sector {
    std::string bytes;        ///< shorter than a sector where the file ended
    std::uint64_t order = 0;  ///< of the first write to it
  };
  struct File {
    std::map<sqlite3_int64, Sector> before;
    sqlite3_int64 synced_size = 0;
    bool is_named = true;  ///< on the disk: its directory was synced since it was made
  };
  /// How much of what was not synced arrived all the same.
  struct Fate;
  /// What SQLite takes for its file; the real one is behind it.
  struct Handle;
  struct Calls;

  static PowerCutVfs& of(sqlite3_vfs* vfs) { return *static_cast<PowerCutVfs*>(vfs->pAppData); }
  int open(sqlite3_filename path, sqlite3_file* file, int flags, int* out_flags);
  int remove(const char* path, int sync_directory);
  int write(Handle& handle, const void* bytes, int count, sqlite3_int64 offset);
  int truncate(Handle& handle, sqlite3_int64 size);
  int sync(Handle& handle);

  // With the lock held.
  enum class Kind { Writes, Syncs };
  /// Whether this call is the one that does not come through.
  bool is_last_call(Kind kind);
  void keep_before(Handle& handle, sqlite3_int64 from, sqlite3_int64 to);
  void lose(const std::string& path, File& file, Fate& fate);
  void lose_everything();

  sqlite3_vfs vfs_{};
  sqlite3_vfs* base_ = nullptr;
  std::string name_;
  std::mutex mutex_;
  // What follows is read and changed with the lock held.
  std::map<std::string, File> files_;
  /// Deleted in a directory that was not synced since: path and content.
  std::map<std::string, std::string> deleted_;
  std::optional<Moment> cut_at_;
  std::mt19937_64 random_;
  std::uint64_t writes_ = 0;
  bool is_cut_ = false;
};

}  // namespace gitferry
