#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "api/client.h"

namespace gitferry::daemon {

/// What the API's rows look like on a terminal.

/// A line a branch; the reason is the error's own line of the sync log, or how far the transfer is that runs.
std::string status_table(const std::vector<api::StatusLine>& lines, std::int64_t now_ms);

std::string deliveries_table(const std::vector<api::DeliveryLine>& lines, std::int64_t now_ms);

/// What became of one branch, whoever ran it.
struct BranchResult {
  std::string repository;
  std::string source_branch;
  std::string target_branch;
  std::string error;  ///< empty: none
  std::string plan;
  std::string source_tip;  ///< hex; empty: there is none
  std::string target_tip_before;
  std::int64_t pack_bytes = 0;
  double milliseconds = 0;
  bool dry_run = false;
  bool finished = true;
};
/// With its line end.
std::string result_line(const BranchResult& result);
BranchResult result_of(const std::string& repository, const api::RunLine& line);

}  // namespace gitferry::daemon
