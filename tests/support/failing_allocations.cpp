#include "tests/support/failing_allocations.h"

#include <atomic>
#include <cstddef>
#include <cstdlib>
#include <limits>
#include <new>

namespace {

constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::max();

// Plain and constant-initialised: they are needed before anything else is.
std::atomic<std::int64_t> left{kNever};
std::atomic<bool> goes_on{false};
std::atomic<bool> struck{false};

void* allocate(std::size_t bytes, std::size_t alignment) {
  if (left.load(std::memory_order_relaxed) != kNever) {
    const auto now = --left;
    if (now == 0 || (now < 0 && goes_on)) {
      struck = true;
      throw std::bad_alloc();
    }
  }
  // aligned_alloc() wants a multiple of the alignment.
  const auto rounded = (bytes + alignment - 1) / alignment * alignment;
  void* const memory = std::aligned_alloc(alignment, rounded == 0 ? alignment : rounded);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

}  // namespace

// The array and nothrow forms come to these ([new.delete] of the C++ standard).
void* operator new(std::size_t bytes) {
  return allocate(bytes, __STDCPP_DEFAULT_NEW_ALIGNMENT__);
}
void* operator new(std::size_t bytes, std::align_val_t alignment) {
  return allocate(bytes, static_cast<std::size_t>(alignment));
}
void operator delete(void* memory) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::size_t /*bytes*/) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::align_val_t /*alignment*/) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::size_t /*bytes*/, std::align_val_t /*alignment*/) noexcept {
  std::free(memory);
}

namespace gitferry::test {

FailingAllocations::FailingAllocations(std::int64_t n, Until until) {
  struck = false;
  goes_on = until == Until::End;
  left = n;
}

FailingAllocations::~FailingAllocations() {
  left = kNever;
}

bool FailingAllocations::has_struck() {
  return struck;
}

}  // namespace gitferry::test
