#include "tests/agent/store/power_cuts.h"

#include <algorithm>
#include <cstdlib>
#include <thread>
#include <utility>
#include <vector>

#include <fmt/format.h>
#include <sqlite3.h>

#include "tests/agent/store/store_fixture.h"

namespace gitferry {
namespace {

constexpr int kClients = 6;
constexpr int kWorkers = 2;
constexpr int kBranches = 12;
// A disk that is never synced is never cut at a sync.
constexpr int kMostEach = 200;
constexpr int kCutsOfADatabase = 12;
// Small, so that rows are deleted and their pages used again while the power may go.
constexpr std::int64_t kKept = 300;

std::string first_text(sqlite3* database, const char* sql) {
  std::string found = "no row";
  const auto keep = [](void* out, int, char** values, char**) {
    *static_cast<std::string*>(out) = values[0] == nullptr ? "" : values[0];
    return 1;
  };
  const int code = sqlite3_exec(database, sql, keep, &found, nullptr);
  return code == SQLITE_ABORT || code == SQLITE_OK ? found : sqlite3_errmsg(database);
}

}  // namespace

std::string PowerCutCounts::line() const {
  return fmt::format(
      "cuts={} (opening or closing {}) sent={} acked={} lost={} recovered={} duplicated={} unexpected={} "
      "marks_lost={} "
      "ends_lost={} done_ahead={} damaged={}",
      cuts, cuts_while_opening, sent, acked, lost, recovered, duplicated, unexpected, marks_lost, ends_lost,
      done_ahead, damaged);
}

PowerCuts::PowerCuts(std::uint64_t seed) : random_(seed) {
  std::string pattern = (std::filesystem::temp_directory_path() / "gitferry-power-XXXXXX").string();
  if (::mkdtemp(pattern.data()) == nullptr) std::abort();
  directory_ = pattern;
  options_.path = (directory_ / "data" / "gitferry.db").string();
  options_.vfs = disk_.name();
  options_.deliveries.count = kKept;
  options_.runs.count = kKept;
}

PowerCuts::~PowerCuts() {
  close_store();
  std::filesystem::remove_all(directory_);
}

void PowerCuts::run(int count) {
  for (const int until = counts_.cuts + count; counts_.cuts < until;) one_cut();
}

void PowerCuts::begin_new_database() {
  close_store();
  disk_.restore_power();
  std::filesystem::remove_all(directory_ / "data");
  *ledger_.lock() = {};
  cuts_of_database_ = 0;
}

bool PowerCuts::open_store() {
  auto opened = SqliteStore::open(options_, clock_);
  if (!opened) return false;
  store_ = std::move(*opened);
  return true;
}

void PowerCuts::close_store() {
  store_.reset();
}

void PowerCuts::one_cut() {
  ++counts_.cuts;
  if (++cuts_of_database_ > kCutsOfADatabase) begin_new_database();
  const bool while_opening = random_() % 4 == 0;
  if (while_opening) {
    ++counts_.cuts_while_opening;
    // From a few calls, in the checkpoint of the close or in the recovery, to beyond the schema's steps.
    disk_.cut_at({1 + random_() % 200, random_() % 2 == 0}, random_());
    close_store();
    if (open_store()) serve_until_the_cut();
  } else {
    if (!store_) open_store();
    disk_.cut_at({20 + random_() % 1500, random_() % 2 == 0}, random_());
    serve_until_the_cut();
  }
  close_store();
  disk_.cut(random_());
  disk_.restore_power();
  // Memory that connections shared: it went with the power.
  std::filesystem::remove(options_.path + "-shm");
  if (!open_store() || !passes_integrity_check()) {
    ++counts_.damaged;
    begin_new_database();
    return;
  }
  const auto wrong = counts_.wrong();
  check();
  // What is wrong once would be counted at every cut that follows.
  if (counts_.wrong() != wrong) begin_new_database();
}

void PowerCuts::serve_until_the_cut() {
  std::vector<std::jthread> threads;
  threads.reserve(kClients + kWorkers);
  for (int client = 0; client < kClients; ++client) {
    threads.emplace_back([this, client, seed = random_()] { deliver(client, seed); });
  }
  for (int worker = 0; worker < kWorkers; ++worker) {
    threads.emplace_back([this, seed = random_()] { work_on_lanes(seed); });
  }
}

void PowerCuts::deliver(int client, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  for (int left = kMostEach; left > 0 && !disk_.is_cut(); --left) {
    const auto number = next_number_.fetch_add(1);
    auto record = delivery_of(std::to_string(number));
    record.refs = '"' + std::string(50 + random() % 3000, static_cast<char>('a' + client)) + '"';
    record.received_at_ms = to_epoch_ms(clock_.now());
    std::vector<LaneMark> marks;
    for (auto wanted = random() % 3; wanted > 0; --wanted) {
      marks.push_back(mark_of("b" + std::to_string(random() % kBranches)));
    }
    ledger_.lock()->sent.insert(number);
    ++sent_;
    const auto receipt = store_->record_delivery(record, marks);
    if (!receipt) continue;
    ++acked_;
    auto ledger = ledger_.lock();
    auto& acknowledged = ledger->deliveries[receipt->delivery_id];
    acknowledged.number = number;
    for (const auto& marked : receipt->marked) {
      acknowledged.lanes.push_back(marked.lane_id);
      auto& progress = ledger->lanes[marked.lane_id];
      progress.marked = std::max(progress.marked, marked.seq);
    }
  }
}

void PowerCuts::work_on_lanes(std::uint64_t seed) {
  std::mt19937_64 random(seed);
  for (int left = kMostEach; left > 0 && !disk_.is_cut(); --left) {
    const auto due = store_->first_due(to_epoch_ms(clock_.now()), [this](const LaneRow& lane) {
      return ledger_.lock()->lanes_in_work.insert(lane.id).second ? Offer::Taken : Offer::LaneRefused;
    });
    if (!due) continue;
    if (!*due) {
      // Every lane is done or set aside after its crashes: a person asks for one.
      const auto mark = mark_of("b" + std::to_string(random() % kBranches));
      const auto receipt = store_->mark_lanes(std::span(&mark, 1), Trigger::Manual);
      if (!receipt) continue;
      auto ledger = ledger_.lock();
      auto& progress = ledger->lanes[receipt->marked[0].lane_id];
      progress.marked = std::max(progress.marked, receipt->marked[0].seq);
      continue;
    }
    // Read again, now that it is ours.
    if (const auto lane = store_->lane((*due)->id); lane && *lane && (*lane)->is_pending()) {
      run_lane(**lane, random() % 8 != 0);
    }
    ledger_.lock()->lanes_in_work.erase((*due)->id);
  }
}

void PowerCuts::run_lane(const LaneRow& lane, bool succeeds) {
  const auto now_ms = to_epoch_ms(clock_.now());
  const auto begun = store_->begin_run(lane, Direction::ToOuter, now_ms);
  if (!begun) return;
  RunEnd end;
  end.run_id = *begun;
  end.lane_id = lane.id;
  end.report.plan = Plan::FastForward;
  end.finished_at_ms = now_ms;
  end.text = "done";
  if (succeeds) {
    end.done_seq = lane.requested_seq;
  } else {
    end.report.error = Error{ErrorCode::ConnectionFailed, "it does not answer", "", {}};
  }
  {
    auto ledger = ledger_.lock();
    ledger->runs[*begun] = {lane.id, false};
    auto& progress = ledger->lanes[lane.id];
    if (succeeds) progress.done_attempted = std::max(progress.done_attempted, lane.requested_seq);
  }
  if (!store_->finish_run(end)) return;
  auto ledger = ledger_.lock();
  ledger->runs[*begun].has_ended = true;
  auto& progress = ledger->lanes[lane.id];
  if (succeeds) progress.done = std::max(progress.done, lane.requested_seq);
}

void PowerCuts::check() {
  counts_.sent = sent_;
  counts_.acked = acked_;
  auto ledger = ledger_.lock();
  ledger->lanes_in_work.clear();
  check_deliveries(*ledger);
  check_lanes(*ledger);
  check_runs(*ledger);
}

void PowerCuts::check_deliveries(Ledger& ledger) {
  std::map<std::int64_t, DeliveryRow> kept;
  for (std::int64_t page = 1;; ++page) {
    const auto rows = store_->deliveries({}, {page, 1000, true}).value().rows;
    if (rows.empty()) break;
    for (const auto& row : rows) kept.emplace(row.id, row);
  }
  const auto newest = kept.empty() ? 0 : kept.rbegin()->first;
  for (const auto& [id, acknowledged] : ledger.deliveries) {
    const auto found = kept.find(id);
    if (found == kept.end()) {
      if (id > newest - kKept) ++counts_.lost;
      continue;
    }
    const auto& row = found->second;
    const auto has_lane = [&](std::int64_t lane_id) {
      return std::any_of(row.lanes.begin(), row.lanes.end(),
                         [&](const DeliveryLane& lane) { return lane.lane_id == lane_id; });
    };
    const auto& lanes = acknowledged.lanes;
    if (row.record.provider_delivery_id != std::to_string(acknowledged.number) ||
        !std::all_of(lanes.begin(), lanes.end(), has_lane)) {
      ++counts_.lost;
    }
  }
  std::set<std::int64_t> numbers;
  for (const auto& [id, row] : kept) {
    const auto number = std::stoll(row.record.provider_delivery_id);
    if (!numbers.insert(number).second) ++counts_.duplicated;
    if (!ledger.sent.contains(number)) ++counts_.unexpected;
    if (!ledger.deliveries.contains(id) && ledger.recovered.insert(id).second) ++counts_.recovered;
  }
}

void PowerCuts::check_lanes(Ledger& ledger) {
  std::map<std::int64_t, LaneRow> kept;
  const auto rows = store_->lanes().value();
  for (const auto& row : rows) kept.emplace(row.id, row);
  for (const auto& [id, progress] : ledger.lanes) {
    const auto found = kept.find(id);
    if (found == kept.end() || found->second.requested_seq < progress.marked) {
      ++counts_.marks_lost;
      continue;
    }
    const auto& lane = found->second;
    if (lane.done_seq < progress.done) ++counts_.ends_lost;
    if (lane.done_seq > progress.done_attempted || lane.done_seq > lane.requested_seq) ++counts_.done_ahead;
  }
}

void PowerCuts::check_runs(Ledger& ledger) {
  std::map<std::int64_t, RunRow> kept;
  for (std::int64_t page = 1;; ++page) {
    const auto rows = store_->runs({}, {page, 1000, true}).value().rows;
    if (rows.empty()) break;
    for (const auto& row : rows) kept.emplace(row.id, row);
  }
  const auto newest = kept.empty() ? 0 : kept.rbegin()->first;
  for (const auto& [id, run] : ledger.runs) {
    const auto found = kept.find(id);
    if (found == kept.end()) {
      if (id > newest - kKept) ++counts_.ends_lost;
      continue;
    }
    const auto& row = found->second;
    if (row.lane_id != run.lane_id || (run.has_ended && row.state != RunState::Finished) ||
        row.state == RunState::Running) {
      ++counts_.ends_lost;
    }
  }
}

/// The store's own look at its start is shorter.
bool PowerCuts::passes_integrity_check() {
  sqlite3* database = nullptr;
  const bool opened =
      sqlite3_open_v2(options_.path.c_str(), &database, SQLITE_OPEN_READWRITE, nullptr) == SQLITE_OK;
  const bool passes = opened && first_text(database, "PRAGMA integrity_check") == "ok" &&
                      first_text(database, "PRAGMA foreign_key_check") == "no row";
  sqlite3_close(database);
  return passes;
}

}  // namespace gitferry
