#include <cstddef>
#include <cstdint>
#include <string>

#include "api/hosting/hook_host.h"
#include "api/json.h"
#include "tests/fuzz/require.h"

namespace {

using namespace gitferry::api::hosting;

/// What is written to a host for a hook that it listed has our secret, and the host's own address.
void require_of(const HookDialect& dialect, const Json::Value& hook) {
  using gitferry::fuzz::require;
  WantedHook wanted;
  wanted.url = "https://ferry.example.org/webhooks/x/robot";
  wanted.secret = gitferry::Secret("secret-of-the-hook");
  wanted.authorization = gitferry::Secret("Bearer x");
  wanted.with_tags = true;
  wanted.with_deletions = true;
  static_cast<void>(dialect.url_of(hook));
  for (const auto flaw : dialect.flaws_of(hook, wanted)) require(!text_of(flaw).empty());
  const auto written = gitferry::api::to_text(dialect.document_of(wanted, hook));
  require(written.find("secret-of-the-hook") != std::string::npos);
  if (dialect.delivery_of != nullptr) {
    const auto delivery = dialect.delivery_of(hook);
    require(!delivery || delivery->result.size() < 200);
  }
  if (dialect.last_delivery_in != nullptr) static_cast<void>(dialect.last_delivery_in(hook));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto list = gitferry::api::parse_json_array(gitferry::fuzz::text_of(data, size));
  if (!list) return 0;
  for (const auto& item : *list) {
    static_cast<void>(number_in(item));
    static_cast<void>(time_in(item));
    for (const auto name : hook_dialect_names()) require_of(*find_hook_dialect(name), item);
  }
  return 0;
}
