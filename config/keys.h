#pragma once

#include <span>
#include <string_view>

namespace gitferry::config {

/// A word with what to say to someone who writes it.
struct Remark {
  std::string_view word;
  std::string_view text;
};

/// The keys of one mapping of the file.
struct Section {
  std::string_view name;                   ///< its definition in schema.json; `root` is the file itself
  std::span<const std::string_view> keys;  ///< those that do something
  std::span<const Remark> planned;         ///< designed, but not in this version
  std::span<const Remark> refused;         ///< secrets written into the file
};

namespace section {
extern const Section kRoot, kLog, kServer, kTls, kLimits, kRate, kStorage, kKeep, kRetention, kAuth, kToken,
    kSync, kTimeouts, kNetwork, kCredential, kNotifications, kChannel, kHook, kRepository, kWebhooks,
    kWebhook, kSecret, kBranch;
}

/// All of them, for the test that compares them with schema.json.
std::span<const Section* const> all_sections();

}  // namespace gitferry::config
