#pragma once

#include <string>
#include <vector>

namespace gitferry::test {

struct ProcessRequest {
  std::vector<std::string> argv;
  std::string input;
  std::string directory;                 ///< empty: the current one
  std::vector<std::string> environment;  ///< `NAME=value`; the whole environment of the child
};

struct ProcessOutcome {
  int status = -1;  ///< exit status; 128 + signal where a signal ended it
  std::string output;
  std::string errors;
};

/// Runs a program to its end. Input and outputs go through unlinked files, so no amount of them can block.
ProcessOutcome run_process(const ProcessRequest& request);

}  // namespace gitferry::test
