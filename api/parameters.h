#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include <json/value.h>

#include "agent/base/result.h"
#include "agent/store/store.h"
#include "api/http_message.h"

namespace gitferry::api {

/// The parameters of a management request: the query first, then the JSON body. The API document says body,
/// the clients of the original send the query. Names nobody asks for are ignored, as there.
///
/// Errors: InvalidArgument, with a text that names the parameter.
class Parameters {
 public:
  static Result<Parameters> from(const Request& request);

  /// nullopt where it is not given.
  [[nodiscard]] Result<std::optional<std::string>> text(const char* name) const;
  /// true/false, 1/0, on/off, yes/no, t/f, y/n in any case.
  [[nodiscard]] Result<std::optional<bool>> boolean(const char* name) const;
  /// A whole number from `least` to `most`, also as a string.
  [[nodiscard]] Result<std::optional<std::int64_t>> number(const char* name, std::int64_t least,
                                                           std::int64_t most) const;
  /// page_num from 1, page_size 1–100 (default 10), create_sort true for oldest first.
  [[nodiscard]] Result<Page> page() const;

 private:
  std::vector<Parameter> query_;
  Json::Value body_;
};

}  // namespace gitferry::api
