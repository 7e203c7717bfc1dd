#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <json/value.h>

#include "agent/base/result.h"
#include "agent/base/secret.h"
#include "agent/store/store.h"
#include "api/http_message.h"

namespace gitferry::api {

/// The parameters of a management request: the query first, then the JSON body. The API document says body,
/// the clients of the original send the query. Names nobody asks for are ignored, as there; null is: not
/// given.
///
/// Errors: InvalidArgument, with a text that names the parameter and never repeats its value.
class Parameters {
 public:
  static Result<Parameters> from(const Request& request);

  /// nullopt where it is not given. In the body a string or a whole number.
  [[nodiscard]] Result<std::optional<std::string>> text(const char* name) const;
  /// A text that must be given.
  [[nodiscard]] Result<std::string> required_text(const char* name) const;
  [[nodiscard]] Result<std::optional<Secret>> secret(const char* name) const;
  /// true/false, 1/0, on/off, yes/no, t/f, y/n in any case.
  [[nodiscard]] Result<std::optional<bool>> boolean(const char* name) const;
  [[nodiscard]] Result<bool> required_boolean(const char* name) const;
  /// A whole number from `least` to `most`, also as a string.
  [[nodiscard]] Result<std::optional<std::int64_t>> number(const char* name, std::int64_t least,
                                                           std::int64_t most) const;
  /// `a,b,c`; empty where it is not given or empty.
  [[nodiscard]] Result<std::vector<std::string>> names(const char* name) const;
  /// `1,2,3`, as the API document writes it.
  [[nodiscard]] Result<std::vector<std::int64_t>> ids(const char* name) const;
  /// page_num from 1, page_size 1–100, create_sort true for oldest first.
  [[nodiscard]] Result<Page> page(std::int64_t default_size = 10) const;

 private:
  [[nodiscard]] Result<std::optional<std::string>> given(const char* name, bool may_be_boolean) const;

  std::vector<Parameter> query_;
  Json::Value body_;
};

}  // namespace gitferry::api
