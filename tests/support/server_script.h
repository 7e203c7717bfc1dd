#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

#include "agent/base/unique_fd.h"

namespace gitferry::test {

/// A script that serves something until its input ends, and says by lines of its output what it has come to.
/// So it does not outlive its test, however that ends.
class ServerScript {
 public:
  explicit ServerScript(std::vector<std::string> argv);
  ServerScript(const ServerScript&) = delete;
  ServerScript& operator=(const ServerScript&) = delete;
  /// Ends its input, and waits for its end.
  ~ServerScript();

  /// The next line of its output; empty where it has ended.
  std::string line();
  void tell(std::string_view word);

 private:
  pid_t pid_ = -1;
  UniqueFd input_;
  UniqueFd output_;
};

}  // namespace gitferry::test
