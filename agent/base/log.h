#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <variant>

namespace gitferry::log {

enum class Level {
  Debug,  ///< the rest
  Info,   ///< state changed
  Warn,   ///< it healed itself, or something was refused
  Error,  ///< a human must act
};

/// `debug`, `info`, `warn`, `error`.
std::string_view name_of(Level level);
std::optional<Level> level_called(std::string_view name);

/// What a log field may hold. Secrets have no conversion to it, on purpose.
class Value {
 public:
  Value(std::string_view text) : value_(std::string(text)) {}  // NOLINT(google-explicit-constructor)
  Value(const std::string& text) : value_(text) {}             // NOLINT(google-explicit-constructor)
  Value(const char* text) : value_(std::string(text)) {}       // NOLINT(google-explicit-constructor)
  Value(bool flag) : value_(flag) {}                           // NOLINT(google-explicit-constructor)
  template <typename T>
  requires(std::is_integral_v<T> && !std::is_same_v<T, bool>) Value(T number)
      : value_(static_cast<std::int64_t>(number)) {}  // NOLINT(google-explicit-constructor)

  [[nodiscard]] const std::variant<std::string, bool, std::int64_t>& get() const { return value_; }

 private:
  std::variant<std::string, bool, std::int64_t> value_;
};

struct Field {
  std::string_view key;
  Value value;
};

using Fields = std::initializer_list<Field>;

/// Of a line: an object, or `key=value` pairs (logfmt), which people read more easily.
enum class Format { Json, Logfmt };

/// Sets the lowest level shown and the form of a line. The default is Info, and default_format().
void configure(Level lowest, Format format);
/// Logfmt where stderr is a terminal, Json elsewhere.
Format default_format();

/// The lowest level shown. Threading: both from any thread, at any time.
Level level();
void set_level(Level lowest);

/// One record: one line on stderr. `message` is constant text, what varies goes into fields; control
/// characters are escaped, so nothing a client sends can start a line of its own.
///
/// Threading: from any thread.
void write(Level level, std::string_view message, Fields fields);

inline void debug(std::string_view message, Fields fields = {}) {
  write(Level::Debug, message, fields);
}
inline void info(std::string_view message, Fields fields = {}) {
  write(Level::Info, message, fields);
}
inline void warn(std::string_view message, Fields fields = {}) {
  write(Level::Warn, message, fields);
}
inline void error(std::string_view message, Fields fields = {}) {
  write(Level::Error, message, fields);
}

/// The line without its end, as write() makes it: for tests.
std::string render_for_test(Format format, Level level, std::string_view message, Fields fields);

}  // namespace gitferry::log
