#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <exception>
#include <string>
#include <thread>
#include <utility>

#include <malloc.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "agent/base/crash_point.h"
#include "agent/base/log.h"
#include "agent/base/supervision.h"
#include "agent/daemon/agent.h"
#include "agent/daemon/command_line.h"
#include "agent/daemon/commands.h"
#include "agent/daemon/file_watch.h"
#include "agent/daemon/process.h"
#include "agent/daemon/service_manager.h"
#include "agent/daemon/watchdog.h"
#include "config/secret_source.h"

namespace gitferry::daemon {
namespace {

constexpr std::chrono::seconds kLookAtFilesEvery{2};

void drain_unless_hurried(Agent& agent, SignalReceiver& signals) {
  const UniqueFd done(::eventfd(0, EFD_CLOEXEC));
  std::atomic<bool> is_done{false};
  std::jthread draining([&] {
    try {
      agent.drain();
    } catch (const std::exception& error) {
      log::error("draining failed", {{"reason", error.what()}});
    }
    is_done = true;
    ::eventfd_write(done.get(), 1);
  });
  while (!is_done) {
    beat();
    const int signal = signals.wait(done.get(), beat_interval());
    if (signal == 0 || signal == SIGHUP) continue;
    log::warn("second signal: leaving at once; unfinished lanes stay pending", {{"signal", signal}});
    ::_exit(128 + signal);
  }
}

/// Takes reloads up, by signal or by a look at the files, until a signal to end comes: its number.
int wait_for_end(Agent& agent, SignalReceiver& signals, FileWatch& file, const ServiceManager& manager) {
  while (true) {
    beat();
    const int signal =
        signals.wait(-1, std::min<std::chrono::milliseconds>(kLookAtFilesEvery, beat_interval()));
    const bool is_asked = signal == SIGHUP || (signal == 0 && agent.watches() && file.look());
    if (is_asked) {
      file.know();
      manager.reloading();
      agent.reload();
      manager.ready(agent.summary());
    } else if (signal != 0) {
      return signal;
    } else {
      agent.look_at_files();
    }
  }
}

int run(const ServeOptions& options) {
  const auto& config_path = options.config_path;
  options.log.apply({});
  harden_process();
  // Bodies and packs come in megabytes: they go back to the system when they are freed, instead of staying
  // with the thread that had them.
  ::mallopt(M_MMAP_THRESHOLD, 1024 * 1024);  // NOLINT(concurrency-mt-unsafe): no other thread runs yet
  // Threads with a heap each would keep a freed snapshot of all bindings each.
  ::mallopt(M_ARENA_MAX, 2);  // NOLINT(concurrency-mt-unsafe): no other thread runs yet
  SignalReceiver signals;
  const ServiceManager manager(config::process_environment());
  set_patience_for(manager);
  FileWatch file(config_path);  // before it is read: what changes meanwhile is news
  auto config = load_or_explain(config_path);
  if (!config) return kBadConfiguration;
  options.log.apply(config->log);
  Agent agent(config_path, std::move(*config), options.log);
  config.reset();
  if (const auto started = agent.start(); !started) {
    log::error("cannot start", {{"reason", started.error().text()}});
    return info(started.error().code).exit_code;
  }
  agent.announce();
  manager.ready(agent.summary());
  const SupervisedThread supervised("main");
  const Watchdog watchdog(manager);
  const int signal = wait_for_end(agent, signals, file, manager);
  manager.stopping();
  log::info("draining: no new runs, running ones finish", {{"signal", signal}});
  drain_unless_hurried(agent, signals);
  crash_point(CrashPoint::Drained);
  log::info("stopped");
  return kDone;
}

}  // namespace

int serve(const ServeOptions& options) {
  try {
    return run(options);
  } catch (const std::exception& error) {
    log::error("cannot go on", {{"reason", error.what()}});
    return kFailed;
  }
}

}  // namespace gitferry::daemon
