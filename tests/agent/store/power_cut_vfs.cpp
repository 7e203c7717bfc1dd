#include "tests/agent/store/power_cut_vfs.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <utility>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/base/unique_fd.h"

namespace gitferry {

struct PowerCutVfs::Handle {
  sqlite3_file ours;
  PowerCutVfs* disk;
  File* file;  ///< null: a nameless one, which no cut outlives
  [[nodiscard]] sqlite3_file* real() { return reinterpret_cast<sqlite3_file*>(this + 1); }
};

namespace {

std::string content_of(const std::string& path) {
  return (std::ostringstream() << std::ifstream(path, std::ios::binary).rdbuf()).str();
}

sqlite3_int64 size_of(const std::string& path) {
  struct stat found {};
  return ::stat(path.c_str(), &found) == 0 ? found.st_size : 0;
}

}  // namespace

/// Drawn anew for each cut, so that cuts of every kind come.
struct PowerCutVfs::Fate {
  explicit Fate(std::mt19937_64& source) : random(source) {
    constexpr std::array<unsigned, 4> percents{0, 50, 90, 100};
    arriving_percent = percents.at(random() % percents.size());
    unit = random() % 2 == 0 ? 1 : 8;  // 512 bytes, or the 4,096 of newer disks
    in_order = random() % 4 == 0;
    garbage = random() % 2 == 0;
  }
  bool coin() { return random() % 2 == 0; }
  /// Bytes of which the file system knows that they are there, and the disk nothing.
  std::string filling(std::size_t count) {
    std::string bytes(count, '\0');
    if (garbage) {
      for (auto& byte : bytes) byte = static_cast<char>(random());
    }
    return bytes;
  }

  std::mt19937_64& random;
  unsigned arriving_percent;
  sqlite3_int64 unit;  ///< sectors that share one fate
  bool in_order;       ///< the disk wrote in the order that it was told
  bool garbage;
};

/// SQLite's tables of C functions, each of which finds its object.
struct PowerCutVfs::Calls {
  static Handle& of(sqlite3_file* file) { return *reinterpret_cast<Handle*>(file); }
  static sqlite3_file* real(sqlite3_file* file) { return of(file).real(); }
  static const sqlite3_io_methods& base(sqlite3_file* file) { return *real(file)->pMethods; }

  static int close(sqlite3_file* file) { return base(file).xClose(real(file)); }
  static int read(sqlite3_file* file, void* bytes, int count, sqlite3_int64 offset) {
    if (of(file).disk->is_cut()) return SQLITE_IOERR_READ;
    return base(file).xRead(real(file), bytes, count, offset);
  }
  static int write(sqlite3_file* file, const void* bytes, int count, sqlite3_int64 offset) {
    return of(file).disk->write(of(file), bytes, count, offset);
  }
  static int truncate(sqlite3_file* file, sqlite3_int64 size) {
    return of(file).disk->truncate(of(file), size);
  }
  static int sync(sqlite3_file* file, int) { return of(file).disk->sync(of(file)); }
  static int file_size(sqlite3_file* file, sqlite3_int64* size) {
    if (of(file).disk->is_cut()) return SQLITE_IOERR_FSTAT;
    return base(file).xFileSize(real(file), size);
  }
  static int lock(sqlite3_file* file, int level) { return base(file).xLock(real(file), level); }
  static int unlock(sqlite3_file* file, int level) { return base(file).xUnlock(real(file), level); }
  static int check_reserved_lock(sqlite3_file* file, int* result) {
    return base(file).xCheckReservedLock(real(file), result);
  }
  static int file_control(sqlite3_file* file, int what, void* argument) {
    // Would make the file grow behind our back.
    if (what == SQLITE_FCNTL_SIZE_HINT) return SQLITE_OK;
    return base(file).xFileControl(real(file), what, argument);
  }
  static int sector_size(sqlite3_file* file) { return base(file).xSectorSize(real(file)); }
  static int characteristics(sqlite3_file* file) { return base(file).xDeviceCharacteristics(real(file)); }
  // The index of the log is memory that connections share: no disk ever has it.
  static int shm_map(sqlite3_file* file, int page, int size, int extend, void volatile** memory) {
    return base(file).xShmMap(real(file), page, size, extend, memory);
  }
  static int shm_lock(sqlite3_file* file, int offset, int count, int flags) {
    return base(file).xShmLock(real(file), offset, count, flags);
  }
  static void shm_barrier(sqlite3_file* file) { base(file).xShmBarrier(real(file)); }
  static int shm_unmap(sqlite3_file* file, int remove) { return base(file).xShmUnmap(real(file), remove); }

  // Version 2: without the calls that map the database into memory, past which writes would go.
  static constexpr sqlite3_io_methods kMethods{2,
                                               close,
                                               read,
                                               write,
                                               truncate,
                                               sync,
                                               file_size,
                                               lock,
                                               unlock,
                                               check_reserved_lock,
                                               file_control,
                                               sector_size,
                                               characteristics,
                                               shm_map,
                                               shm_lock,
                                               shm_barrier,
                                               shm_unmap,
                                               nullptr,
                                               nullptr};

  static int open(sqlite3_vfs* vfs, sqlite3_filename path, sqlite3_file* file, int flags, int* out_flags) {
    return PowerCutVfs::of(vfs).open(path, file, flags, out_flags);
  }
  static int remove(sqlite3_vfs* vfs, const char* path, int sync_directory) {
    return PowerCutVfs::of(vfs).remove(path, sync_directory);
  }
};

PowerCutVfs::PowerCutVfs() : base_(sqlite3_vfs_find(nullptr)) {
  static std::atomic<int> made{0};
  name_ = "gitferry-power-cut-" + std::to_string(++made);
  vfs_ = *base_;
  vfs_.szOsFile = static_cast<int>(sizeof(Handle)) + base_->szOsFile;
  vfs_.pNext = nullptr;
  vfs_.zName = name_.c_str();
  vfs_.pAppData = this;
  vfs_.xOpen = Calls::open;
  vfs_.xDelete = Calls::remove;
  if (sqlite3_vfs_register(&vfs_, 0) != SQLITE_OK) std::abort();
}

PowerCutVfs::~PowerCutVfs() {
  sqlite3_vfs_unregister(&vfs_);
}

void PowerCutVfs::cut_at(Moment moment, std::uint64_t seed) {
  const std::scoped_lock lock(mutex_);
  cut_at_ = moment;
  random_.seed(seed);
}

void PowerCutVfs::cut(std::uint64_t seed) {
  const std::scoped_lock lock(mutex_);
  if (is_cut_) return;
  random_.seed(seed);
  lose_everything();
}

bool PowerCutVfs::is_cut() {
  const std::scoped_lock lock(mutex_);
  return is_cut_;
}

void PowerCutVfs::restore_power() {
  const std::scoped_lock lock(mutex_);
  is_cut_ = false;
  cut_at_.reset();
  files_.clear();
  deleted_.clear();
}

int PowerCutVfs::open(sqlite3_filename path, sqlite3_file* file, int flags, int* out_flags) {
  const std::scoped_lock lock(mutex_);
  file->pMethods = nullptr;
  if (is_cut_) return SQLITE_CANTOPEN;
  auto& handle = *reinterpret_cast<Handle*>(file);
  const bool exists = path != nullptr && ::access(path, F_OK) == 0;
  if (const int code = base_->xOpen(base_, path, handle.real(), flags, out_flags); code != SQLITE_OK)
    return code;
  handle.disk = this;
  handle.file = nullptr;
  if (path != nullptr && (flags & SQLITE_OPEN_DELETEONCLOSE) == 0) {
    const auto [found, is_new] = files_.try_emplace(path);
    handle.file = &found->second;
    if (is_new || !exists) *handle.file = {{}, exists ? size_of(path) : 0, exists};
  }
  file->pMethods = &Calls::kMethods;
  return SQLITE_OK;
}

int PowerCutVfs::remove(const char* path, int sync_directory) {
  const std::scoped_lock lock(mutex_);
  if (is_cut_) return SQLITE_IOERR_DELETE;
  const auto found = files_.find(path);
  const bool is_named = found == files_.end() || found->second.is_named;
  // What the disk has: the name of the content as it was synced.
  std::string content = is_named ? content_of(path) : std::string();
  if (found != files_.end()) {
    content.resize(static_cast<std::size_t>(found->second.synced_size));
    for (const auto& [sector, before] : found->second.before) {
      const auto at = static_cast<std::size_t>(sector * kSector);
      if (at < content.size()) content.replace(at, before.bytes.size(), before.bytes);
    }
    found->second = {{}, 0, false};
  }
  const int code = base_->xDelete(base_, path, 0);
  if (code == SQLITE_OK && is_named) deleted_[path] = std::move(content);
  if (sync_directory != 0) deleted_.clear();
  if (!is_last_call(Kind::Syncs)) return code;
  lose_everything();
  return SQLITE_IOERR_DELETE;
}

int PowerCutVfs::write(Handle& handle, const void* bytes, int count, sqlite3_int64 offset) {
  const std::scoped_lock lock(mutex_);
  if (is_cut_) return SQLITE_IOERR_WRITE;
  keep_before(handle, offset, offset + count);
  const int code = handle.real()->pMethods->xWrite(handle.real(), bytes, count, offset);
  if (!is_last_call(Kind::Writes)) return code;
  lose_everything();
  return SQLITE_IOERR_WRITE;
}

int PowerCutVfs::truncate(Handle& handle, sqlite3_int64 size) {
  const std::scoped_lock lock(mutex_);
  if (is_cut_) return SQLITE_IOERR_TRUNCATE;
  if (handle.file != nullptr) keep_before(handle, size, handle.file->synced_size);
  const int code = handle.real()->pMethods->xTruncate(handle.real(), size);
  if (!is_last_call(Kind::Writes)) return code;
  lose_everything();
  return SQLITE_IOERR_TRUNCATE;
}

int PowerCutVfs::sync(Handle& handle) {
  const std::scoped_lock lock(mutex_);
  if (is_cut_) return SQLITE_IOERR_FSYNC;
  if (is_last_call(Kind::Syncs)) {
    lose_everything();
    return SQLITE_IOERR_FSYNC;
  }
  if (handle.file == nullptr) return SQLITE_OK;
  auto& file = *handle.file;
  file.before.clear();
  if (!file.is_named) {
    // SQLite syncs the directory of a log or journal with its first sync.
    file.is_named = true;
    deleted_.clear();
  }
  return handle.real()->pMethods->xFileSize(handle.real(), &file.synced_size);
}

bool PowerCutVfs::is_last_call(Kind kind) {
  if (!cut_at_) return false;
  if (cut_at_->call > 1) {
    --cut_at_->call;
    return false;
  }
  return kind == Kind::Syncs || !cut_at_->at_sync;
}

void PowerCutVfs::keep_before(Handle& handle, sqlite3_int64 from, sqlite3_int64 to) {
  if (handle.file == nullptr) return;
  auto& file = *handle.file;
  ++writes_;
  for (auto sector = from / kSector; sector * kSector < to; ++sector) {
    const auto [found, is_new] = file.before.try_emplace(sector);
    if (!is_new) continue;
    found->second.order = writes_;
    const auto known = std::clamp<sqlite3_int64>(file.synced_size - sector * kSector, 0, kSector);
    if (known == 0) continue;
    auto& bytes = found->second.bytes;
    bytes.resize(static_cast<std::size_t>(known));
    const int code = handle.real()->pMethods->xRead(handle.real(), bytes.data(), static_cast<int>(known),
                                                    sector * kSector);
    if (code != SQLITE_OK && code != SQLITE_IOERR_SHORT_READ) std::abort();
  }
}

void PowerCutVfs::lose_everything() {
  is_cut_ = true;
  Fate fate(random_);
  for (auto& [path, file] : files_) lose(path, file, fate);
  for (const auto& [path, content] : deleted_) {
    const auto later = files_.find(path);
    if ((later == files_.end() || !later->second.is_named) && fate.coin()) {
      std::ofstream(path, std::ios::binary | std::ios::trunc) << content;
    }
  }
}

void PowerCutVfs::lose(const std::string& path, File& file, Fate& fate) {
  if (!file.is_named && fate.coin()) {
    ::unlink(path.c_str());
    return;
  }
  const auto written_size = size_of(path);
  const bool is_shorter = written_size < file.synced_size && fate.coin();
  auto size = is_shorter ? written_size : file.synced_size;
  const auto last_in_order = writes_ - (file.before.empty() ? 0 : fate.random() % file.before.size());
  std::map<sqlite3_int64, bool> arrived;
  const auto arrives = [&](sqlite3_int64 sector, const Sector& before) {
    if (sector * kSector >= written_size) return false;
    if (fate.in_order) return before.order <= last_in_order;
    const auto [found, is_new] = arrived.try_emplace(sector / fate.unit);
    if (is_new) found->second = fate.random() % 100 < fate.arriving_percent;
    return found->second;
  };
  // Closing it drops SQLite's locks on the file, as locks of POSIX do: after a cut nobody needs them.
  const UniqueFd opened(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (!opened) return;
  for (auto& [sector, before] : file.before) {
    if (arrives(sector, before)) {
      size = std::max(size, std::min((sector + 1) * kSector, written_size));
      continue;
    }
    const auto bytes = before.bytes + fate.filling(static_cast<std::size_t>(kSector) - before.bytes.size());
    if (::pwrite(opened.get(), bytes.data(), bytes.size(), sector * kSector) < 0) std::abort();
  }
  if (::ftruncate(opened.get(), size) != 0) std::abort();
}

}  // namespace gitferry
