#pragma once

#include <string>

#include <gtest/gtest.h>

#include "agent/model/run_report.h"

namespace gitferry::test {

/// How an engine and a source talk: which protocol version, over pipes or in requests that stand alone as
/// over http, and which engine. The quick tests take as few as see each of these once, the full ones all.
struct Way {
  const char* name;
  int version;
  bool is_stateless;
  EngineKind engine = EngineKind::Relay;
};

constexpr Way kPipesV0{"PipesV0", 0, false};
constexpr Way kPipesV2{"PipesV2", 2, false};
constexpr Way kRequestsV0{"RequestsV0", 0, true};
constexpr Way kRequestsV2{"RequestsV2", 2, true};
constexpr Way kMirrorPipesV0{"MirrorPipesV0", 0, false, EngineKind::Mirror};
constexpr Way kMirrorPipesV2{"MirrorPipesV2", 2, false, EngineKind::Mirror};
constexpr Way kMirrorRequestsV2{"MirrorRequestsV2", 2, true, EngineKind::Mirror};

inline std::string name_of_way(const ::testing::TestParamInfo<Way>& tested) {
  return tested.param.name;
}

}  // namespace gitferry::test
