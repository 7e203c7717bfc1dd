#include "agent/notify/notifier.h"

#include <algorithm>
#include <exception>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "agent/base/log.h"
#include "agent/base/supervision.h"
#include "agent/notify/hook_watch.h"
#include "agent/store/store.h"

namespace gitferry {
namespace {

using std::chrono::milliseconds;

/// Looking takes at most this share of the time, however many branches are in a bad way; up to a rest that
/// people would notice.
constexpr int kShareOfTime = 100;
constexpr milliseconds kLongestRest{15'000};
/// What a receiver of JSON gets at a time; a text says how many more there are.
constexpr std::size_t kMostForPrograms = 100;

void append(Findings& all, Findings more) {
  std::move(more.put.begin(), more.put.end(), std::back_inserter(all.put));
  std::move(more.forget.begin(), more.forget.end(), std::back_inserter(all.forget));
  std::move(more.notices.begin(), more.notices.end(), std::back_inserter(all.notices));
}

Telling telling_of(Findings findings, const std::vector<Channel>& channels) {
  Telling telling{std::move(findings.put), std::move(findings.forget), {}};
  for (const auto& notice : findings.notices) {
    for (const auto& channel : channels) {
      if (channel.wants(notice)) telling.copies.push_back({channel.name, notice});
    }
  }
  return telling;
}

void log_notice(const Notice& notice) {
  log::info("a change is told", {{"event", name_of(notice.event)},
                                 {"repo", notice.key.repository},
                                 {"internal_ref", notice.key.internal_ref},
                                 {"external_ref", notice.key.external_ref},
                                 {"host", notice.host}});
}

std::vector<std::string> names_of(const std::vector<Channel>& channels) {
  std::vector<std::string> names;
  names.reserve(channels.size());
  for (const auto& channel : channels) names.push_back(channel.name);
  return names;
}

}  // namespace

Notifier::Notifier(Parts parts, NotifyOptions options) : parts_(std::move(parts)) {
  state_.lock()->options = std::make_shared<const NotifyOptions>(std::move(options));
}

Notifier::~Notifier() {
  stop();
}

void Notifier::start() {
  hosts_.emplace(to_epoch_ms(parts_.clock.now()));
  thread_ = std::thread([this] { work(); });
}

void Notifier::stop() {
  if (!thread_.joinable()) return;
  state_.lock()->is_stopping = true;
  stop_.request_stop();
  changed_.notify_all();
  thread_.join();
}

void Notifier::replace(NotifyOptions options) {
  {
    auto state = state_.lock();
    state->options = std::make_shared<const NotifyOptions>(std::move(options));
    ++state->wakes;
  }
  changed_.notify_all();
}

std::string Notifier::state() {
  auto state = state_.lock();
  const auto channels = state->options->channels.size();
  if (channels == 0) return "off";
  return state->failing == 0 ? "ok" : fmt::format("{} of {} channels failing", state->failing, channels);
}

void Notifier::work() {
  const SupervisedThread supervised("notifier");
  for (;;) {
    SharedOptions options;
    {
      auto state = state_.lock();
      if (state->is_stopping) return;
      options = state->options;
    }
    try {
      step(options);
    } catch (const std::exception& error) {
      log::error("notices are not told", {{"reason", error.what()}});
    }
    wait(std::max(parts_.pace.look, rest_));
  }
}

void Notifier::wait(milliseconds longest) {
  auto state = state_.lock();
  const auto seen = state->wakes;
  // Options that came since they were read are looked at without a wait.
  if (state->options != known_) return;
  wait_beating(state, changed_, std::chrono::steady_clock::now() + longest,
               [&](const State& now) { return now.is_stopping || now.wakes != seen; });
}

void Notifier::step(const SharedOptions& options) {
  if (std::exchange(known_, options) != options) {
    if (const auto kept = parts_.book.keep_channels(names_of(options->channels)); !kept) {
      log::error("what waits for channels that are gone is not dropped", {{"reason", kept.error().text()}});
    }
  }
  if (options->channels.empty()) {
    state_.lock()->failing = 0;
    return;
  }
  if (const auto looked = look(*options); !looked) {
    log::error("cannot look for what is to be told", {{"reason", looked.error().text()}});
  }
  if (const auto sent = send_due(*options); !sent) {
    log::error("cannot see what is to be sent", {{"reason", sent.error().text()}});
  }
}

Result<Findings> Notifier::find(const NotifyOptions& options) {
  const auto began = parts_.clock.monotonic();
  const auto view = parts_.book.look();
  if (!view) return fail(view.error());
  rest_ = std::min(kShareOfTime * std::chrono::duration_cast<milliseconds>(parts_.clock.monotonic() - began),
                   kLongestRest);
  const auto bindings = parts_.bindings();
  const auto hosts = parts_.resting_hosts();
  const std::set<std::string> resting(hosts.begin(), hosts.end());
  const auto now_ms = to_epoch_ms(parts_.clock.now());
  hosts_->see(resting, now_ms);
  const Surroundings around{*bindings, resting,
                            [this](const std::string& host) { return hosts_->answers_since_ms(host); },
                            options.patience, now_ms};
  auto findings = judge_lanes(*view, around);
  auto of_hosts = hosts_->judge(*view, around, [this](auto repositories, std::int64_t since_ms) {
    return parts_.book.has_succeeded_since(repositories, since_ms);
  });
  if (!of_hosts) return fail(std::move(of_hosts.error()));
  append(findings, std::move(*of_hosts));
  const auto now = parts_.clock.monotonic();
  if (hooks_seen_at_ && now - *hooks_seen_at_ < parts_.pace.look_at_hooks) return findings;
  auto of_hooks = judge_hooks(*view, *bindings, parts_.book, now_ms);
  if (!of_hooks) return fail(std::move(of_hooks.error()));
  hooks_seen_at_ = now;
  append(findings, std::move(*of_hooks));
  return findings;
}

Status Notifier::look(const NotifyOptions& options) {
  auto findings = find(options);
  if (!findings) return fail(std::move(findings.error()));
  if (findings->empty()) return {};
  const auto notices = findings->notices;
  if (auto told = parts_.book.tell(telling_of(std::move(*findings), options.channels)); !told) return told;
  for (const auto& notice : notices) log_notice(notice);
  return {};
}

Status Notifier::send_due(const NotifyOptions& options) {
  const auto states = parts_.book.channels();
  if (!states) return fail(states.error());
  const auto is_failing = [](const ChannelState& state) { return state.failing_since_ms != 0; };
  state_.lock()->failing =
      static_cast<std::size_t>(std::count_if(states->begin(), states->end(), is_failing));
  const Sender sender(options.outgoing, options.public_url, parts_.clock);
  for (const auto& channel : options.channels) {
    const auto found = std::find_if(states->begin(), states->end(),
                                    [&](const ChannelState& state) { return state.name == channel.name; });
    if (found == states->end() || found->waiting == 0 || stop_.stop_requested()) continue;
    if (auto served = serve(channel, *found, sender); !served) return served;
  }
  return {};
}

Status Notifier::serve(const Channel& channel, const ChannelState& state, const Sender& sender) {
  const auto tried = tried_at_.find(channel.name);
  if (tried != tried_at_.end() && parts_.clock.monotonic() - tried->second < parts_.pace.gap) return {};
  const auto now_ms = to_epoch_ms(parts_.clock.now());
  const auto open = parts_.book.open_message(channel.name);
  if (!open) return fail(open.error());
  if (*open) {
    const auto due_at = (*open)->next_attempt_at_ms;
    if (due_at > now_ms && due_at <= now_ms + kFurthestAttemptMs) return {};
    return attempt_to_send(channel, **open, state, sender);
  }
  if (state.oldest_waiting_at_ms > now_ms - channel.digest.count() && state.oldest_waiting_at_ms <= now_ms)
    return {};
  const auto most =
      channel.kind == ChannelKind::Webhook ? kMostForPrograms : static_cast<std::size_t>(kMostWaitingNotices);
  const auto made = parts_.book.make_message(channel.name, new_message_id(), most, now_ms);
  if (!made) return fail(made.error());
  return *made ? attempt_to_send(channel, **made, state, sender) : Status{};
}

Status Notifier::attempt_to_send(const Channel& channel, const NoticeMessage& message,
                                 const ChannelState& state, const Sender& sender) {
  beat_for(kLongestSend);
  const auto sent = sender.send(channel, message, stop_.get_token());
  beat();
  tried_at_[channel.name] = parts_.clock.monotonic();
  const auto now_ms = to_epoch_ms(parts_.clock.now());
  if (!sent) return note_failure(message, state, sent.error(), now_ms);
  log::info("notices sent", {{"channel", channel.name},
                             {"message_id", message.id},
                             {"notices", message.notices.size()},
                             {"attempts", message.attempts + 1}});
  return parts_.book.note_sent(message, now_ms);
}

Status Notifier::note_failure(const NoticeMessage& message, const ChannelState& state, const Error& error,
                              std::int64_t now_ms) {
  if (error.code == ErrorCode::Cancelled) return {};
  if (now_ms - message.made_at_ms >= parts_.pace.give_up_after.count()) {
    log::error("notices are given up: the channel has not taken them for a day",
               {{"channel", message.channel},
                {"notices", message.notices.size()},
                {"attempts", message.attempts + 1},
                {"error", error.text()}});
    return parts_.book.give_up(message, error.text(), now_ms);
  }
  constexpr int enough_doublings = 16;
  const auto rest =
      std::max(std::min(parts_.pace.first_retry * (1 << std::min(message.attempts, enough_doublings)),
                        parts_.pace.longest_retry),
               std::min(milliseconds(error.retry_after.value_or(std::chrono::seconds{0})),
                        milliseconds(kFurthestAttemptMs)));
  const auto level = state.failing_since_ms == 0 ? log::Level::Warn : log::Level::Debug;
  log::write(level, "notices are not sent; it is tried again",
             {{"channel", message.channel},
              {"message_id", message.id},
              {"attempts", message.attempts + 1},
              {"retry_s", std::chrono::duration_cast<std::chrono::seconds>(rest).count()},
              {"error", error.text()}});
  return parts_.book.note_failed(message, error.text(), now_ms, now_ms + rest.count());
}

}  // namespace gitferry
