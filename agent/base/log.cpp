#include "agent/base/log.h"

#include <atomic>
#include <chrono>
#include <memory>

#include <fmt/chrono.h>
#include <fmt/format.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include "agent/base/text.h"

namespace gitferry::log {
namespace {

spdlog::level::level_enum native(Level level) {
  switch (level) {
    case Level::Debug:
      return spdlog::level::debug;
    case Level::Info:
      return spdlog::level::info;
    case Level::Warn:
      return spdlog::level::warn;
    case Level::Error:
      return spdlog::level::err;
  }
  return spdlog::level::err;
}

spdlog::logger& sink() {
  static const auto logger = [] {
    auto made =
        std::make_shared<spdlog::logger>("gitferry", std::make_shared<spdlog::sinks::stderr_sink_mt>());
    made->set_pattern("%v");
    made->flush_on(spdlog::level::debug);
    return made;
  }();
  return *logger;
}

std::atomic<Format>& format_in_use() {
  static std::atomic<Format> format{default_format()};
  return format;
}

std::string json_value(const Value& value) {
  if (const auto* text = std::get_if<std::string>(&value.get())) return json_string(*text);
  if (const auto* flag = std::get_if<bool>(&value.get())) return *flag ? "true" : "false";
  return fmt::format("{}", std::get<std::int64_t>(value.get()));
}

std::string logfmt_value(const Value& value) {
  const auto* text = std::get_if<std::string>(&value.get());
  if (text == nullptr) return json_value(value);
  const bool plain = !text->empty() && text->find_first_of(" =\"\\\t\r\n") == std::string::npos;
  const std::string quoted = json_string(*text);
  return plain && quoted.size() == text->size() + 2 ? *text : quoted;
}

std::string render(Format format, Level level, std::string_view message, Fields fields) {
  std::string line;
  if (format == Format::Json) {
    line = fmt::format("\"level\":\"{}\",\"message\":{}", name_of(level), json_string(message));
    for (const auto& field : fields) {
      line += fmt::format(",{}:{}", json_string(field.key), json_value(field.value));
    }
    return line + "}";
  }
  line = fmt::format("level={} message={}", name_of(level), logfmt_value(message));
  for (const auto& field : fields) line += fmt::format(" {}={}", field.key, logfmt_value(field.value));
  return line;
}

}  // namespace

std::string_view name_of(Level level) {
  switch (level) {
    case Level::Debug:
      return "debug";
    case Level::Info:
      return "info";
    case Level::Warn:
      return "warn";
    case Level::Error:
      return "error";
  }
  return "error";
}

std::optional<Level> level_called(std::string_view name) {
  for (const auto level : {Level::Debug, Level::Info, Level::Warn, Level::Error}) {
    if (name_of(level) == name) return level;
  }
  return std::nullopt;
}

void configure(Level lowest, Format format) {
  set_level(lowest);
  format_in_use() = format;
}

Format default_format() {
  return ::isatty(STDERR_FILENO) == 1 ? Format::Logfmt : Format::Json;
}

Level level() {
  switch (sink().level()) {
    case spdlog::level::debug:
      return Level::Debug;
    case spdlog::level::info:
      return Level::Info;
    case spdlog::level::warn:
      return Level::Warn;
    default:
      return Level::Error;
  }
}

void set_level(Level lowest) {
  sink().set_level(native(lowest));
}

void write(Level level, std::string_view message, Fields fields) {
  if (!sink().should_log(native(level))) return;
  const auto now = std::chrono::time_point_cast<std::chrono::milliseconds>(std::chrono::system_clock::now());
  const auto format = format_in_use().load();
  const auto stamp = rfc3339(now.time_since_epoch().count());
  const auto line = render(format, level, message, fields);
  sink().log(native(level), format == Format::Json ? fmt::format("{{\"time\":\"{}\",{}", stamp, line)
                                                   : fmt::format("time={} {}", stamp, line));
}

std::string render_for_test(Format format, Level level, std::string_view message, Fields fields) {
  return render(format, level, message, fields);
}

}  // namespace gitferry::log
