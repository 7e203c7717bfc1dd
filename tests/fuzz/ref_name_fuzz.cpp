#include <cstddef>
#include <cstdint>

#include "agent/base/text.h"
#include "agent/model/binding.h"
#include "agent/model/ref_name.h"
#include "tests/fuzz/require.h"

/// Names of refs, branches and repositories: what is taken keeps the rules, whichever door it came through.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using gitferry::fuzz::require;
  const auto text = gitferry::fuzz::text_of(data, size);
  if (gitferry::is_valid_ref(text)) {
    require(text.starts_with("refs/") && text.size() <= gitferry::kRefNameLimit &&
            gitferry::is_valid_utf8(text));
    require(text.find("..") == std::string_view::npos && text.find("/-") == std::string_view::npos);
    require(text.find_first_of(" ~^:?*[\\\x7f") == std::string_view::npos && !text.ends_with(".lock"));
  }
  if (const auto branch = gitferry::checked_branch(text)) {
    require(*branch == text && gitferry::is_valid_ref(gitferry::branch_ref(*branch)));
    require(gitferry::branch_of(gitferry::branch_ref(*branch)) == text);
  }
  if (const auto name = gitferry::checked_repository_name(text)) {
    require(*name == text && text.find('/') == std::string_view::npos && !text.starts_with('.'));
  }
  return 0;
}
