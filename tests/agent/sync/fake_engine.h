#pragma once

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "agent/git/engine.h"

namespace gitferry {

/// Git hosts with a memory, and what an engine did with them. Shared by all engines of a test.
///
/// Threading: all calls from any thread.
class FakeHosts {
 public:
  struct Done {
    std::string source;  ///< host and ref
    std::string target;
    bool dry_run = false;
    Policy policy = Policy::FfOnly;
  };

  /// What the next runs answer; a run without an answer succeeds.
  void answer_with(std::vector<Error> errors) {
    const std::scoped_lock lock(mutex_);
    errors_ = std::move(errors);
  }
  /// What every run does first, on its worker's thread and with no lock held.
  void on_run(std::function<void(const SyncRequest&)> hook) {
    const std::scoped_lock lock(mutex_);
    hook_ = std::move(hook);
  }
  /// The branches that `host` has; a run that succeeds copies its own to the target.
  void set_branches(const std::string& host, std::map<std::string, char> digits) {
    const std::scoped_lock lock(mutex_);
    branches_[host] = std::move(digits);
  }
  /// What runs into `ref` end with, whenever they come.
  void always_fail(const std::string& ref, const Error& error) {
    const std::scoped_lock lock(mutex_);
    failing_refs_.insert_or_assign(ref, error);
  }
  /// What listing `host` ends with.
  void fail_listing(const std::string& host, const Error& error) {
    const std::scoped_lock lock(mutex_);
    failing_listings_.insert_or_assign(host, error);
  }
  void mend_listing(const std::string& host) {
    const std::scoped_lock lock(mutex_);
    failing_listings_.erase(host);
  }
  /// From now on `host` answers nothing: runs and listings that touch it end with `code`.
  void take_down(const std::string& host, ErrorCode code = ErrorCode::ConnectionFailed) {
    const std::scoped_lock lock(mutex_);
    down_.insert_or_assign(host, code);
  }
  void bring_up(const std::string& host) {
    const std::scoped_lock lock(mutex_);
    down_.erase(host);
  }
  /// Listings wait for the gate, too, and end with Cancelled where they are cut.
  Result<std::vector<RefTip>> list(const std::string& host, const std::stop_token& stop) {
    const std::stop_callback wake(stop, [this] {
      { const std::scoped_lock lock(mutex_); }
      changed_.notify_all();
    });
    std::unique_lock lock(mutex_);
    listed_.push_back(host);
    changed_.notify_all();
    changed_.wait(lock, [&] { return listing_gate_is_open_ || stop.stop_requested(); });
    if (!listing_gate_is_open_) return fail(ErrorCode::Cancelled, "the listing was cancelled");
    if (const auto silence = silence_of(host)) return fail(*silence);
    if (const auto found = failing_listings_.find(host); found != failing_listings_.end())
      return fail(found->second);
    std::vector<RefTip> tips;
    for (const auto& [ref, digit] : branches_[host])
      tips.push_back({ref, ObjectId::from_hex(std::string(40, digit)).value()});
    return tips;
  }
  void close_listing_gate() {
    const std::scoped_lock lock(mutex_);
    listing_gate_is_open_ = false;
  }
  void open_listing_gate() {
    {
      const std::scoped_lock lock(mutex_);
      listing_gate_is_open_ = true;
    }
    changed_.notify_all();
  }
  /// The hosts whose branches were listed, in order.
  [[nodiscard]] std::vector<std::string> listed() const {
    const std::scoped_lock lock(mutex_);
    return listed_;
  }
  bool wait_listed(std::size_t count) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(20), [&] { return listed_.size() >= count; });
  }

  /// From now on runs wait until open_gate(), or until they are cancelled.
  void close_gate() {
    const std::scoped_lock lock(mutex_);
    gate_is_open_ = false;
  }
  void open_gate() {
    {
      const std::scoped_lock lock(mutex_);
      gate_is_open_ = true;
    }
    changed_.notify_all();
  }
  /// Waits until `ready(done, running)`; false after a generous time.
  bool wait_until(const std::function<bool(std::size_t done, std::size_t running)>& ready) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(20),
                             [&] { return ready(done_.size(), running_.size()); });
  }
  [[nodiscard]] std::vector<Done> done() const {
    const std::scoped_lock lock(mutex_);
    return done_;
  }
  /// Of the same target ref at the same time.
  [[nodiscard]] std::size_t largest_overlap() const {
    const std::scoped_lock lock(mutex_);
    return largest_overlap_;
  }
  /// Of all runs that touched `host` at the same time.
  [[nodiscard]] std::size_t largest_at(const std::string& host) const {
    const std::scoped_lock lock(mutex_);
    const auto found = largest_at_.find(host);
    return found == largest_at_.end() ? 0 : found->second;
  }
  /// How many refs each transfer had, in the order of their ends.
  [[nodiscard]] std::vector<std::size_t> transfers() const {
    const std::scoped_lock lock(mutex_);
    return transfers_;
  }
  [[nodiscard]] std::size_t running() const {
    const std::scoped_lock lock(mutex_);
    return running_.size();
  }

  std::vector<RunReport> run(const SyncRequest& request, const std::stop_token& stop) {
    begin(request);
    std::function<void(const SyncRequest&)> hook;
    {
      const std::scoped_lock lock(mutex_);
      hook = hook_;
    }
    try {
      if (hook) hook(request);
    } catch (...) {
      const std::scoped_lock lock(mutex_);
      std::erase(running_, &request);
      throw;
    }
    return end(request, stop);
  }

 private:
  static std::string ref_at(const Remote& remote, const std::string& ref) {
    return remote.url.host_key() + " " + ref;
  }

  void begin(const SyncRequest& request) {
    {
      const std::scoped_lock lock(mutex_);
      running_.push_back(&request);
      const auto same = std::count_if(running_.begin(), running_.end(), [&](const SyncRequest* other) {
        return other->target.url == request.target.url && share_a_target(*other, request);
      });
      largest_overlap_ = std::max(largest_overlap_, static_cast<std::size_t>(same));
      for (const auto* host : {&request.source.url, &request.target.url}) {
        const auto here = std::count_if(running_.begin(), running_.end(), [&](const SyncRequest* other) {
          return other->source.url.host_key() == host->host_key() ||
                 other->target.url.host_key() == host->host_key();
        });
        auto& largest = largest_at_[host->host_key()];
        largest = std::max(largest, static_cast<std::size_t>(here));
      }
    }
    changed_.notify_all();
  }

  static bool share_a_target(const SyncRequest& left, const SyncRequest& right) {
    return std::ranges::any_of(left.refs, [&](const RefSync& ref) {
      return std::ranges::find(right.refs, ref.target_ref, &RefSync::target_ref) != right.refs.end();
    });
  }

  std::vector<RunReport> end(const SyncRequest& request, const std::stop_token& stop) {
    const std::stop_callback wake(stop, [this] {
      { const std::scoped_lock lock(mutex_); }
      changed_.notify_all();
    });
    std::vector<RunReport> reports;
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [&] { return gate_is_open_ || stop.stop_requested(); });
      for (const auto& ref : request.refs) {
        reports.push_back(end_of(request, ref));
        done_.push_back({ref_at(request.source, ref.source_ref), ref_at(request.target, ref.target_ref),
                         request.dry_run, ref.policy});
      }
      transfers_.push_back(request.refs.size());
      std::erase(running_, &request);
    }
    changed_.notify_all();
    return reports;
  }

  RunReport end_of(const SyncRequest& request, const RefSync& ref) {
    for (const auto* side : {&request.source, &request.target}) {
      RunReport undecided;
      undecided.error = silence_of(side->url.host_key());
      if (undecided.error) return undecided;
    }
    RunReport report;
    report.plan = Plan::FastForward;
    report.refs_in_transfer = static_cast<std::uint32_t>(request.refs.size());
    report.total = std::chrono::microseconds(1500);
    if (!gate_is_open_) {
      report.error = Error{ErrorCode::Cancelled, "the run was cancelled", "", std::nullopt};
    } else if (!errors_.empty()) {
      report.error = errors_.front();
      errors_.erase(errors_.begin());
    } else if (const auto found = failing_refs_.find(ref.target_ref); found != failing_refs_.end()) {
      report.error = found->second;
    } else if (!request.dry_run) {
      copy_branch(request, ref);
    }
    return report;
  }

  [[nodiscard]] std::optional<Error> silence_of(const std::string& host) const {
    const auto found = down_.find(host);
    if (found == down_.end()) return std::nullopt;
    return Error{found->second, host + " does not answer", "", std::nullopt, host};
  }

  void copy_branch(const SyncRequest& request, const RefSync& ref) {
    const auto& from = branches_[request.source.url.host_key()];
    if (const auto found = from.find(ref.source_ref); found != from.end())
      branches_[request.target.url.host_key()][ref.target_ref] = found->second;
  }

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Error> errors_;
  std::map<std::string, Error> failing_refs_;
  std::map<std::string, Error> failing_listings_;
  std::map<std::string, ErrorCode> down_;                        ///< by host
  std::map<std::string, std::map<std::string, char>> branches_;  ///< by host and ref
  std::vector<std::string> listed_;
  bool listing_gate_is_open_ = true;
  std::function<void(const SyncRequest&)> hook_;
  bool gate_is_open_ = true;
  std::vector<const SyncRequest*> running_;
  std::vector<Done> done_;
  std::vector<std::size_t> transfers_;
  std::size_t largest_overlap_ = 0;
  std::map<std::string, std::size_t> largest_at_;
};

class FakeEngine final : public Engine {
 public:
  explicit FakeEngine(FakeHosts& hosts) : hosts_(hosts) {}
  std::vector<RunReport> sync(const SyncRequest& request, std::stop_token stop) override {
    return hosts_.run(request, stop);
  }
  Result<std::vector<RefTip>> list_refs(const Remote& remote, RefScope scope, std::stop_token stop) override {
    auto refs = hosts_.list(remote.url.host_key(), stop);
    if (refs && scope == RefScope::Branches)
      std::erase_if(*refs, [](const RefTip& ref) { return ref.ref.starts_with("refs/tags/"); });
    return refs;
  }

 private:
  FakeHosts& hosts_;
};

}  // namespace gitferry
