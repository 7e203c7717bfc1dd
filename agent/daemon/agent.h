#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "agent/base/clock.h"
#include "agent/base/guarded.h"
#include "agent/base/result.h"
#include "agent/daemon/composition.h"
#include "agent/daemon/log_settings.h"
#include "agent/daemon/management_tokens.h"
#include "agent/notify/notifier.h"
#include "agent/store/notice_book.h"
#include "agent/store/store.h"
#include "agent/store/store_news.h"
#include "agent/sync/binding_registry.h"
#include "agent/sync/sync_service.h"
#include "api/api_server.h"
#include "config/config.h"

namespace gitferry::daemon {

/// The running agent: its parts, in the order in which they need each other, and what a reload does to them.
///
/// Threading: one thread, but for drain(), which any other one may call.
class Agent {
 public:
  /// `config` is what `config_path` says; a reload reads that file again, and has `log` applied.
  Agent(std::string config_path, config::Config config, LogSettings log);
  Agent(const Agent&) = delete;
  Agent& operator=(const Agent&) = delete;
  ~Agent();

  /// Opens the database and listens. Call once.
  Status start();
  /// Says in the log what runs, and what is bound.
  void announce() const;
  /// The same in one line: where it listens, and how much is bound.
  [[nodiscard]] std::string summary() const;
  /// Takes up what the file says now, and the listener's certificate. A bad file, or a change that cannot be
  /// written, changes nothing; nor does a bad certificate, which keeps nothing else from being taken up.
  void reload();
  /// Whether the configuration in force asks to look at the file from time to time.
  [[nodiscard]] bool watches() { return live_.get()->watch; }
  /// Takes up tokens and a certificate whose files have changed, and what other agents changed of the
  /// bindings. To be called from time to time: files are renewed by others, who need not know of this
  /// program.
  void look_at_files();
  /// Stops listening and the workers at the same time: a request may be waiting for a run, and it is the
  /// service's stop that answers it.
  void drain();

 private:
  Status open_store(const config::Config& config);
  Result<StoreWithNotices> open_shared(const config::Config& config, Secret key);
  Status start_sync(const config::Config& config);
  Status start_notifier(const config::Config& config);
  Status listen(const config::Config& config);
  Status take_up(config::Config loaded);
  void refuse(const std::string& reason);
  void reload_certificate();
  /// On a thread of the store.
  void hear(StoreNews news);

  SystemClock clock_;
  std::string config_path_;
  LogSettings log_;
  BindingSnapshot file_bindings_;  ///< until the registry has them
  SharedConfig started_with_;
  LiveConfig live_;
  ManagementTokens tokens_;
  Guarded<api::ConfigurationState> state_;
  Guarded<SyncService*> woken_{nullptr};  ///< by other agents; null: not yet, or not any more
  std::atomic<bool> overrides_changed_{false};
  std::unique_ptr<Store> store_;
  NoticeBook* notices_ = nullptr;  ///< of the store
  std::unique_ptr<BindingRegistry> bindings_;
  std::unique_ptr<SyncService> sync_;
  std::unique_ptr<Notifier> notifier_;
  std::unique_ptr<api::ApiContext> context_;
  std::shared_ptr<api::ServerTls> tls_;  ///< null: plain HTTP
  std::unique_ptr<api::ApiServer> server_;
};

}  // namespace gitferry::daemon
