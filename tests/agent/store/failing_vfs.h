#pragma once

#include <atomic>
#include <map>
#include <mutex>

#include <sqlite3.h>

namespace gitferry {

/// SQLite's own VFS, whose disk can be filled or made to fail at a sync. Registered on first use, beside the
/// default.
class FailingVfs {
 public:
  static const char* name() {
    static const bool registered = [] {
      sqlite3_vfs& ours = vfs();
      ours = *sqlite3_vfs_find(nullptr);
      ours.pNext = nullptr;
      ours.zName = "gitferry-failing";
      ours.xOpen = open;
      return sqlite3_vfs_register(&ours, 0) == SQLITE_OK;
    }();
    return registered ? "gitferry-failing" : "";
  }
  /// As long as it lives, every write fails for lack of space.
  struct Full {
    Full() { is_full() = true; }
    ~Full() { is_full() = false; }
  };
  /// As long as it lives, every sync fails.
  struct SyncFails {
    SyncFails() { sync_fails() = true; }
    ~SyncFails() { sync_fails() = false; }
  };

 private:
  static sqlite3_vfs& vfs() {
    static sqlite3_vfs ours;
    return ours;
  }
  static std::atomic<bool>& is_full() {
    static std::atomic<bool> full{false};
    return full;
  }
  static std::atomic<bool>& sync_fails() {
    static std::atomic<bool> fails{false};
    return fails;
  }
  /// A method table of the default VFS with our two calls in it. SQLite sees its first member.
  struct Methods {
    sqlite3_io_methods ours;
    const sqlite3_io_methods* original;
  };
  static const sqlite3_io_methods* original(sqlite3_file* file) {
    return reinterpret_cast<const Methods*>(file->pMethods)->original;
  }
  /// The default VFS has a few tables: one for the database, one for files that are never locked (the WAL).
  static const Methods& methods_over(const sqlite3_io_methods* base) {
    static std::mutex mutex;
    static std::map<const sqlite3_io_methods*, Methods> tables;
    const std::scoped_lock lock(mutex);
    const auto [found, is_new] = tables.try_emplace(base, Methods{*base, base});
    if (is_new) {
      found->second.ours.xWrite = write;
      found->second.ours.xSync = sync;
    }
    return found->second;
  }
  static int open(sqlite3_vfs*, sqlite3_filename path, sqlite3_file* file, int flags, int* out_flags) {
    sqlite3_vfs* base = sqlite3_vfs_find(nullptr);
    const int code = base->xOpen(base, path, file, flags, out_flags);
    if (code == SQLITE_OK && file->pMethods != nullptr) file->pMethods = &methods_over(file->pMethods).ours;
    return code;
  }
  static int write(sqlite3_file* file, const void* bytes, int count, sqlite3_int64 offset) {
    return is_full() ? SQLITE_FULL : original(file)->xWrite(file, bytes, count, offset);
  }
  static int sync(sqlite3_file* file, int flags) {
    return sync_fails() ? SQLITE_IOERR_FSYNC : original(file)->xSync(file, flags);
  }
};

}  // namespace gitferry
