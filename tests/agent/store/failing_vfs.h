#pragma once

#include <atomic>
#include <map>
#include <mutex>

#include <sqlite3.h>

namespace gitferry {

/// SQLite's own VFS, whose disk can be filled or made to fail at a sync, or at any one call. Registered on
/// first use, beside the default.
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
  /// What the disk says at one call and, if it lasts, at all that follow.
  struct Fault {
    int call = 1;          ///< of those that the fault can be of, from 1
    bool is_full = false;  ///< no room: for writes alone; else an error, of every call
    bool lasts = false;
  };
  /// As long as it lives, there is that fault. One at a time.
  class FaultAtCall {
   public:
    explicit FaultAtCall(Fault fault) {
      calls() = 0;
      planned() = fault;
      is_planned() = true;
    }
    FaultAtCall(const FaultAtCall&) = delete;
    FaultAtCall& operator=(const FaultAtCall&) = delete;
    ~FaultAtCall() { is_planned() = false; }
    /// Whether that many calls came.
    [[nodiscard]] bool has_come() const { return calls() >= planned().call; }
  };

 private:
  static Fault& planned() {
    static Fault fault;
    return fault;
  }
  static std::atomic<bool>& is_planned() {
    static std::atomic<bool> is{false};
    return is;
  }
  static std::atomic<int>& calls() {
    static std::atomic<int> count{0};
    return count;
  }
  /// `code`, or SQLITE_FULL, where this call is to fail; else SQLITE_OK.
  static int fault_of(int code, bool is_write = false) {
    if (!is_planned() || (planned().is_full && !is_write)) return SQLITE_OK;
    const int call = ++calls();
    const bool fails = planned().lasts ? call >= planned().call : call == planned().call;
    if (!fails) return SQLITE_OK;
    return planned().is_full ? SQLITE_FULL : code;
  }
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
      found->second.ours.xRead = read;
      found->second.ours.xWrite = write;
      found->second.ours.xTruncate = truncate;
      found->second.ours.xSync = sync;
    }
    return found->second;
  }
  static int open(sqlite3_vfs*, sqlite3_filename path, sqlite3_file* file, int flags, int* out_flags) {
    sqlite3_vfs* base = sqlite3_vfs_find(nullptr);
    file->pMethods = nullptr;
    if (const int fault = fault_of(SQLITE_CANTOPEN); fault != SQLITE_OK) return fault;
    const int code = base->xOpen(base, path, file, flags, out_flags);
    if (code == SQLITE_OK && file->pMethods != nullptr) file->pMethods = &methods_over(file->pMethods).ours;
    return code;
  }
  static int read(sqlite3_file* file, void* bytes, int count, sqlite3_int64 offset) {
    const int fault = fault_of(SQLITE_IOERR_READ);
    return fault != SQLITE_OK ? fault : original(file)->xRead(file, bytes, count, offset);
  }
  static int write(sqlite3_file* file, const void* bytes, int count, sqlite3_int64 offset) {
    if (is_full()) return SQLITE_FULL;
    const int fault = fault_of(SQLITE_IOERR_WRITE, true);
    return fault != SQLITE_OK ? fault : original(file)->xWrite(file, bytes, count, offset);
  }
  static int truncate(sqlite3_file* file, sqlite3_int64 size) {
    const int fault = fault_of(SQLITE_IOERR_TRUNCATE);
    return fault != SQLITE_OK ? fault : original(file)->xTruncate(file, size);
  }
  static int sync(sqlite3_file* file, int flags) {
    if (sync_fails()) return SQLITE_IOERR_FSYNC;
    const int fault = fault_of(SQLITE_IOERR_FSYNC);
    return fault != SQLITE_OK ? fault : original(file)->xSync(file, flags);
  }
};

}  // namespace gitferry
