#pragma once

#include <cstdint>

namespace gitferry::test {

/// While it lives, the n-th `operator new` of the program, counted from its making over all threads, throws
/// std::bad_alloc; once, or every one from there on. In programs alone that link test_failing_allocations.
///
/// Threading: one object at a time.
class FailingAllocations {
 public:
  enum class Until { Once, End };
  explicit FailingAllocations(std::int64_t n, Until until = Until::Once);
  ~FailingAllocations();
  FailingAllocations(const FailingAllocations&) = delete;
  FailingAllocations& operator=(const FailingAllocations&) = delete;

  /// Whether the n-th has come.
  [[nodiscard]] static bool has_struck();
};

}  // namespace gitferry::test
