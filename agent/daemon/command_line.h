#pragma once

namespace gitferry::daemon {

/// Exit codes of every command. kBadConfiguration is EX_CONFIG of sysexits.h.
constexpr int kDone = 0;
constexpr int kFailed = 1;
constexpr int kBadUsage = 2;
constexpr int kBadConfiguration = 78;

/// Reads the arguments and runs the command. Never throws. Results go to stdout, messages to stderr.
int run_command_line(int argc, char** argv);

}  // namespace gitferry::daemon
