#include "agent/daemon/log_settings.h"

#include "agent/base/log.h"

namespace gitferry::daemon {
namespace {

log::Format format_called(const std::string& name) {
  if (name == "json") return log::Format::Json;
  return name == "logfmt" ? log::Format::Logfmt : log::default_format();
}

}  // namespace

void LogSettings::apply(const config::Log& configured) const {
  const auto& wanted = level.empty() ? configured.level : level;
  log::configure(log::level_called(wanted).value_or(log::Level::Info),
                 format_called(format.empty() ? configured.format : format));
}

}  // namespace gitferry::daemon
