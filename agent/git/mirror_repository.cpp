#include "agent/git/mirror_repository.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <exception>
#include <iterator>
#include <string_view>
#include <utility>

#include <fmt/format.h>
#include <sys/statvfs.h>

#include "agent/base/crash_point.h"
#include "agent/git/git2_handles.h"
#include "agent/git/history_paint.h"
#include "agent/git/mirror_directory.h"
#include "agent/git/mirror_objects.h"
#include "agent/git/pack_checksum.h"
#include "agent/git/relay_link.h"
#include "agent/git/stall_watch.h"

namespace gitferry {

/// What a callback of libgit2 may look at; the error, or what was thrown, is kept for after the call that it
/// ended: nothing is thrown through a library of C.
struct MirrorPace {
  const Waiting& waiting;
  std::string what;
  TransferProgress* progress = nullptr;
  Spool* out = nullptr;
  std::string pending = {};
  std::optional<Error> error = std::nullopt;
  std::exception_ptr thrown = nullptr;

  template <typename Call>
  int guarded(Call call) noexcept {
    try {
      return call();
    } catch (...) {
      thrown = std::current_exception();
      return GIT_EUSER;
    }
  }
  int look() {
    if (auto going_on = check_limits(waiting, what); !going_on) error = std::move(going_on.error());
    return error ? GIT_EUSER : 0;
  }
  Status flush() {
    auto written = out->append(pending);
    pending.clear();
    return written;
  }
};

namespace {

using Pace = MirrorPace;

/// libgit2 writes a pack through a mapping and makes sure of the last page of each append alone: with pages
/// one by one, a full disk is an error and no SIGBUS.
constexpr std::size_t kAppendSize = 4096;
constexpr std::size_t kReadSize = 65536;
/// Kept free for what is written without asking first: the bases of a thin pack, the index.
constexpr std::uint64_t kFreeReserve = 8U << 20U;
constexpr std::size_t kPackHeaderSize = 12;
constexpr std::size_t kSendSize = 65536;

int on_indexed(const git_indexer_progress* stats, void* payload) {
  auto& pace = *static_cast<Pace*>(payload);
  if (pace.progress != nullptr) {
    pace.progress->objects_total = stats->total_objects;
    pace.progress->objects_done = stats->received_objects;
    pace.progress->bytes_received = stats->received_bytes;
  }
  return pace.guarded([&] { return pace.look(); });
}

int on_building(int /*stage*/, std::uint32_t /*current*/, std::uint32_t /*total*/, void* payload) {
  auto& pace = *static_cast<Pace*>(payload);
  return pace.guarded([&] { return pace.look(); });
}

int on_packed(void* bytes, std::size_t size, void* payload) {
  auto& pace = *static_cast<Pace*>(payload);
  return pace.guarded([&] {
    pace.pending.append(static_cast<const char*>(bytes), size);
    if (pace.pending.size() < kSendSize) return 0;
    if (auto written = pace.flush(); !written) {
      pace.error = std::move(written.error());
      return static_cast<int>(GIT_EUSER);
    }
    return pace.look();
  });
}

/// The objects of a pack, and how they are collected.
struct PackIds {
  Pace& pace;
  std::vector<git_oid> ids = {};
};

int collect_id(const git_oid* id, void* payload) {
  auto& into = *static_cast<PackIds*>(payload);
  return into.pace.guarded([&] {
    into.ids.push_back(*id);
    return 0;
  });
}

Status check_room(const std::string& directory, std::uint64_t wanted = 0) {
  struct statvfs room {};
  if (::statvfs(directory.c_str(), &room) != 0) {
    return fail(mirror_file_error("looking for room in '" + directory + "'", errno));
  }
  if (std::uint64_t{room.f_bavail} * room.f_frsize >= kFreeReserve + wanted) return {};
  return fail(mirror_file_error("writing a pack to '" + directory + "'", ENOSPC));
}

bool append(git_indexer& indexer, std::string_view bytes, git_indexer_progress& stats) {
  while (!bytes.empty()) {
    const auto size = std::min(kAppendSize, bytes.size());
    if (git_indexer_append(&indexer, bytes.data(), size, &stats) != 0) return false;
    bytes.remove_prefix(size);
  }
  return true;
}

Error failed(Pace& pace) {
  if (pace.thrown) std::rethrow_exception(std::exchange(pace.thrown, nullptr));
  if (pace.error) return std::move(*pace.error);
  return mirror_object_error(pace.what);
}

/// Whether the bytes of a pack are those that were sent: its trailer is the checksum of the rest.
class TrailerCheck {
 public:
  void add(std::string_view bytes) {
    tail_ += bytes;
    if (tail_.size() <= GIT_OID_RAWSZ) return;
    const auto ready = tail_.size() - GIT_OID_RAWSZ;
    checksum_.add(std::string_view(tail_).substr(0, ready));
    tail_.erase(0, ready);
  }
  [[nodiscard]] bool is_right() { return checksum_.is(tail_); }

 private:
  PackChecksum checksum_{ObjectFormat::Sha1};
  std::string tail_;
};

/// Who is to blame that a pack was not taken: one that does not even have its own checksum says nothing about
/// the mirror.
Error failed(Pace& pace, ByteReader& pack, TrailerCheck& trailer) {
  auto error = failed(pace);
  if (error.code != ErrorCode::LocalRepositoryDamaged) return error;
  std::array<char, kReadSize> buffer{};
  for (;;) {
    auto count = pack.read(buffer);
    if (!count) return std::move(count.error());
    if (*count == 0) break;
    trailer.add({buffer.data(), *count});
  }
  return trailer.is_right() ? error : wrong_pack_checksum();
}

}  // namespace

struct MirrorRepository::Handles {
  Git2Odb objects;
  Git2Repository repository;
};

MirrorRepository::MirrorRepository(const std::string& path) : files_(path) {}

MirrorRepository::~MirrorRepository() = default;

Result<std::unique_ptr<MirrorRepository>> MirrorRepository::open(const std::string& path) {
  begin_libgit2();
  // NOLINTNEXTLINE(cppcoreguidelines-owning-memory): the constructor is private
  std::unique_ptr<MirrorRepository> mirror(new MirrorRepository(path));
  auto manifest = mirror->files_.open();
  if (!manifest) return fail(manifest.error());
  mirror->manifest_ = std::move(*manifest);
  mirror->was_empty_ = mirror->manifest_.packs.empty();
  if (auto opened = mirror->open_objects(); !opened) return fail(opened.error());
  for (const auto& tip : mirror->tips()) {
    if (!mirror->contains(tip)) return fail(mirror_object_error("the tip " + tip.hex() + " of the mirror"));
  }
  return mirror;
}

Status MirrorRepository::open_objects() {
  auto handles = std::make_unique<Handles>();
  // Packs alone, from the one directory: no loose objects, no alternates, and none of a repository's files.
  git_odb_backend* packs = nullptr;
  if (git2_make(handles->objects, git_odb_new) != 0 ||
      git_odb_backend_pack(&packs, files_.objects_directory().c_str()) != 0 ||
      git_odb_add_backend(handles->objects.get(), packs, 1) != 0 ||
      git2_make(handles->repository, git_repository_wrap_odb, handles->objects.get()) != 0) {
    return fail(mirror_object_error("the mirror's object database"));
  }
  Git2Config config;
  if (git2_make(config, git_config_open_ondisk, files_.config_file().c_str()) != 0 ||
      git_repository_set_config(handles->repository.get(), config.get()) != 0) {
    return fail(mirror_object_error("the mirror's configuration"));
  }
  handles_ = std::move(handles);
  return {};
}

bool MirrorRepository::contains(const ObjectId& id) const {
  const auto oid = git2_id(id);
  return git_odb_exists_ext(handles_->objects.get(), &oid, GIT_ODB_LOOKUP_NO_REFRESH) == 1;
}

bool MirrorRepository::is_commit(const ObjectId& id) const {
  const auto oid = git2_id(id);
  std::size_t size = 0;
  git_object_t type = GIT_OBJECT_INVALID;
  return contains(id) && git_odb_read_header(&size, &type, handles_->objects.get(), &oid) == 0 &&
         type == GIT_OBJECT_COMMIT;
}

Status MirrorRepository::add_pack(ByteReader& pack, const Waiting& waiting, TransferProgress* progress) {
  Pace pace{waiting, "the pack from the source", progress};
  auto name = index_pack(pack, pace);
  if (!name) {
    // What was written of it would only take room until the next run.
    static_cast<void>(files_.remove_other_packs(manifest_));
    return fail(std::move(name.error()));
  }
  // A pack of no objects: everything is here.
  return name->empty() ? Status{} : take_index(*name);
}

Result<std::string> MirrorRepository::index_pack(ByteReader& pack, MirrorPace& pace) {
  git_indexer_options options = GIT_INDEXER_OPTIONS_INIT;
  options.progress_cb = on_indexed;
  options.progress_cb_payload = &pace;
  Git2Indexer indexer;
  if (git2_make(indexer, git_indexer_new, files_.pack_directory().c_str(), 0U, handles_->objects.get(),
                &options) != 0) {
    return fail(mirror_object_error("a new pack"));
  }
  git_indexer_progress stats{};
  TrailerCheck trailer;
  std::array<char, kReadSize> buffer{};
  std::uint64_t received = 0;
  for (;;) {
    if (auto room = check_room(files_.pack_directory()); !room) return fail(room.error());
    const auto count = pack.read(buffer);
    if (!count) return fail(count.error());
    if (*count == 0) break;
    if ((received += *count) > kPackBytesLimit) {
      return fail(ErrorCode::LimitExceeded,
                  fmt::format("the source's pack is larger than {} bytes", kPackBytesLimit));
    }
    crash_point(CrashPoint::MirrorPackPartRead);
    trailer.add({buffer.data(), *count});
    if (!append(*indexer, {buffer.data(), *count}, stats)) return fail(failed(pace, pack, trailer));
  }
  if (received < kPackHeaderSize || stats.received_objects < stats.total_objects) {
    return fail(ErrorCode::ConnectionFailed, "the source's pack ended before it was complete");
  }
  if (stats.total_objects == 0) return std::string();
  if (git_indexer_commit(indexer.get(), &stats) != 0) return fail(failed(pace, pack, trailer));
  crash_point(CrashPoint::MirrorPackIndexed);
  return std::string(git_indexer_name(indexer.get()));
}

Status MirrorRepository::take_index(const std::string& name) {
  auto written = files_.pack_named(name);
  if (!written) return fail(written.error());
  manifest_.add_pack(std::move(*written));
  if (auto kept = files_.write(manifest_); !kept) return kept;
  if (git_odb_refresh(handles_->objects.get()) != 0) return fail(mirror_object_error("the new pack"));
  return {};
}

Status MirrorRepository::check_connected(const std::vector<ObjectId>& tips, const Waiting& waiting) {
  NewObjects walk(*handles_->repository, *handles_->objects, waiting,
                  [](const git_oid&, const char*) { return Status{}; });
  return walk.walk(tips, this->tips());
}

Status MirrorRepository::keep_tips(const std::vector<ObjectId>& tips) {
  std::vector<ObjectId> commits;
  for (const auto& tip : tips) {
    // Those of tags are few, and are looked at again each time.
    if (is_commit(tip)) commits.push_back(tip);
  }
  const auto before = manifest_.tips;
  manifest_.add_tips(commits);
  return manifest_.tips == before ? Status{} : files_.write(manifest_);
}

Result<bool> MirrorRepository::descends(const ObjectId& newer, const ObjectId& older,
                                        const Waiting& waiting) {
  if (!is_commit(newer) || !is_commit(older)) return false;
  HistoryPaint history(*handles_->objects, waiting);
  const auto ours = git2_id(newer);
  const auto theirs = git2_id(older);
  const auto painted = history.paint({&ours, 1}, {&theirs, 1}, HistoryPaint::Question::Ours);
  if (!painted) return fail(painted.error());
  return history.is_reached_from_ours(theirs);
}

std::optional<Divergence> MirrorRepository::divergence(const ObjectId& source, const ObjectId& target,
                                                       const Waiting& waiting) {
  if (!is_commit(source) || !is_commit(target)) return std::nullopt;
  HistoryPaint history(*handles_->objects, waiting);
  const auto ours = git2_id(source);
  const auto theirs = git2_id(target);
  const auto painted = history.paint({&ours, 1}, {&theirs, 1}, HistoryPaint::Question::Both);
  if (!painted || !history.is_complete()) return std::nullopt;
  return Divergence{history.count_only_ours(), history.count_only_theirs()};
}

std::vector<ObjectId> MirrorRepository::whole_ones(const std::vector<ObjectId>& ids, const Waiting& waiting) {
  std::vector<ObjectId> here;
  std::ranges::copy_if(ids, std::back_inserter(here), [&](const ObjectId& id) { return contains(id); });
  if (check_connected(here, waiting)) return here;
  std::erase_if(here, [&](const ObjectId& id) { return std::ranges::find(tips(), id) == tips().end(); });
  return here;
}

Status MirrorRepository::write_pack(const std::vector<ObjectId>& wants, const std::vector<ObjectId>& haves,
                                    Spool& out, const Waiting& waiting) {
  Pace pace{waiting, "an object of the pack for the target", nullptr, &out};
  Git2Packbuilder builder;
  if (git2_make(builder, git_packbuilder_new, handles_->repository.get()) != 0) return fail(failed(pace));
  git_packbuilder_set_callbacks(builder.get(), on_building, &pace);
  NewObjects walk(*handles_->repository, *handles_->objects, waiting,
                  [&](const git_oid& id, const char* name) -> Status {
                    if (git_packbuilder_insert(builder.get(), &id, name) == 0) return {};
                    return fail(failed(pace));
                  });
  if (auto walked = walk.walk(wants, whole_ones(haves, waiting)); !walked) return walked;
  if (git_packbuilder_object_count(builder.get()) == 0) return out.append(empty_pack(ObjectFormat::Sha1));
  if (git_packbuilder_foreach(builder.get(), on_packed, &pace) != 0) return fail(failed(pace));
  return pace.flush();
}

Status MirrorRepository::consolidate(const Waiting& waiting) {
  if (manifest_.packs.size() <= kPackLimit) return {};
  auto packs = manifest_.packs;
  std::ranges::sort(packs, {}, &MirrorManifest::Pack::pack_bytes);
  std::vector<std::uint64_t> bytes_below(packs.size() + 1);
  for (std::size_t i = 0; i < packs.size(); ++i) bytes_below[i + 1] = bytes_below[i] + packs[i].pack_bytes;
  auto together = packs.size();
  while (together > 2 && packs[together - 1].pack_bytes >= bytes_below[together - 1]) --together;
  // Without the room for it more packs stay, which costs time alone.
  if (!check_room(files_.pack_directory(), bytes_below[together])) return {};
  auto name = put_together(std::span(packs).first(together), waiting);
  if (!name) return fail(name.error());
  crash_point(CrashPoint::MirrorPacksJoined);
  auto made = files_.pack_named(*name);
  if (!made) return fail(made.error());
  MirrorManifest renewed;
  renewed.tips = manifest_.tips;
  renewed.packs.assign(packs.begin() + static_cast<std::ptrdiff_t>(together), packs.end());
  renewed.add_pack(std::move(*made));
  // From here on the old packs are left over; a run that dies now leaves them to the next one.
  if (auto written = files_.write(renewed); !written) return written;
  manifest_ = std::move(renewed);
  handles_.reset();
  if (auto removed = files_.remove_other_packs(manifest_); !removed) return removed;
  return open_objects();
}

Result<std::string> MirrorRepository::put_together(std::span<const MirrorManifest::Pack> packs,
                                                   const Waiting& waiting) {
  Pace pace{waiting, "an object of the mirror's packs"};
  PackIds found{pace};
  for (const auto& pack : packs) {
    Git2Odb one;
    git_odb_backend* backend = nullptr;
    const auto index = fmt::format("{}/pack-{}.idx", files_.pack_directory(), pack.name);
    if (git2_make(one, git_odb_new) != 0 || git_odb_backend_one_pack(&backend, index.c_str()) != 0 ||
        git_odb_add_backend(one.get(), backend, 1) != 0 ||
        git_odb_foreach(one.get(), collect_id, &found) != 0) {
      return fail(failed(pace));
    }
  }
  Git2Packbuilder builder;
  if (git2_make(builder, git_packbuilder_new, handles_->repository.get()) != 0) return fail(failed(pace));
  git_packbuilder_set_callbacks(builder.get(), on_building, &pace);
  for (const auto& id : found.ids) {
    if (git_packbuilder_insert(builder.get(), &id, nullptr) != 0) return fail(failed(pace));
  }
  if (git_packbuilder_write(builder.get(), files_.pack_directory().c_str(), 0, on_indexed, &pace) != 0) {
    return fail(failed(pace));
  }
  return std::string(git_packbuilder_name(builder.get()));
}

}  // namespace gitferry
