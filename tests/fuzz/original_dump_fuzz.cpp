#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "agent/base/text.h"
#include "config/loader.h"
#include "config/original_dump.h"
#include "config/original_import.h"
#include "tests/fuzz/require.h"

/// Whatever a dump holds, it is refused with a reason, or becomes a configuration that is one.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace gitferry;
  using fuzz::require;
  const auto dump = config::read_original_dump(fuzz::text_of(data, size));
  if (!dump) {
    require(!dump.error().message.empty());
    return 0;
  }
  const auto imported = config::import_original(*dump, "");
  require(imported.secrets.empty() && is_valid_utf8(imported.yaml));
  for (const auto& text : imported.left_out)
    for (const char c : text) require(static_cast<unsigned char>(c) >= 0x20);
  const auto no_environment = [](const std::string&) { return std::optional<std::string>(); };
  require(config::load_text(imported.yaml, "fuzz", no_environment).has_value());
  return 0;
}
