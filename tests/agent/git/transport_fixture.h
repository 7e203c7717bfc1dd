#pragma once

#include <array>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <string>

#include <gtest/gtest.h>

#include "agent/git/transport.h"
#include "agent/model/address_policy.h"

namespace gitferry::test {

inline Waiting waiting_with(std::chrono::milliseconds stall, std::stop_token stop = {}) {
  Waiting waiting;
  waiting.limits.stall = stall;
  waiting.total_deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  waiting.stop = std::move(stop);
  return waiting;
}
inline Waiting patient() {
  return waiting_with(std::chrono::seconds(30));
}

inline Remote remote_of(const std::string& address, std::optional<Credential> credential = std::nullopt) {
  auto parsed = parse_remote_url(address, any_scheme());
  if (!parsed) ADD_FAILURE() << parsed.error().text();
  return {parsed ? parsed->url : RemoteUrl{}, std::move(credential)};
}

inline Credential password(const std::string& user, const std::string& secret) {
  Credential credential;
  credential.username = user;
  credential.password = Secret(secret);
  return credential;
}

inline AddressPolicy loopback_allowed() {
  return AddressPolicy::from({"127.0.0.0/8", "::1"}).value();
}

inline std::string pkt(const std::string& payload) {
  constexpr std::string_view digits = "0123456789abcdef";
  const auto size = payload.size() + 4;
  std::string out;
  for (const unsigned shift : {12U, 8U, 4U, 0U}) out += digits[size >> shift & 15U];
  return out + payload;
}

/// Everything up to the end, or the error before it.
inline Result<std::string> read_all(ByteReader& reader) {
  std::string all;
  std::array<char, 65536> chunk{};
  for (;;) {
    const auto count = reader.read(chunk);
    if (!count) return fail(count.error());
    if (*count == 0) return all;
    all.append(chunk.data(), *count);
  }
}

/// Reads until `text` was seen: for pipes, which have no end while the conversation goes on.
inline Result<std::string> read_until(ByteReader& reader, std::string_view text) {
  std::string all;
  std::array<char, 4096> chunk{};
  while (all.find(text) == std::string::npos) {
    const auto count = reader.read(chunk);
    if (!count) return fail(count.error());
    if (*count == 0) break;
    all.append(chunk.data(), *count);
  }
  return all;
}

/// A directory that goes with the test.
class TemporaryDirectory {
 public:
  TemporaryDirectory() : path_((std::filesystem::temp_directory_path() / "gitferry-XXXXXX").string()) {
    if (::mkdtemp(path_.data()) == nullptr) std::abort();
  }
  TemporaryDirectory(const TemporaryDirectory&) = delete;
  TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
  ~TemporaryDirectory() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] std::string write(const std::string& name, const std::string& content,
                                  int mode = 0600) const {
    const auto file = path_ + "/" + name;
    std::ofstream(file) << content;
    std::filesystem::permissions(file, static_cast<std::filesystem::perms>(mode));
    return file;
  }

 private:
  std::string path_;
};

/// Runs a shell line of the test's own; it must succeed.
inline void shell(const std::string& line) {
  ASSERT_EQ(std::system(line.c_str()), 0) << line;
}

inline std::string output_of(const std::string& line) {
  std::string out;
  std::FILE* pipe = ::popen(line.c_str(), "r");
  if (pipe == nullptr) return out;
  std::array<char, 65536> chunk{};
  while (const auto count = std::fread(chunk.data(), 1, chunk.size(), pipe)) out.append(chunk.data(), count);
  ::pclose(pipe);
  return out;
}

/// A bare repository with one commit on `main`, and `blob_size` random bytes in it.
inline void make_repository(const std::string& bare, std::size_t blob_size = 10) {
  shell("set -e; d=$(mktemp -d); git init -q -b main $d; cd $d; head -c " + std::to_string(blob_size) +
        " /dev/urandom > f; git add f; git -c user.name=t -c user.email=t@t commit -q -m one; rm -rf '" +
        bare + "'; git clone -q --bare $d '" + bare + "'; rm -rf $d");
}

inline std::string tip_of(const std::string& bare, const std::string& ref = "main") {
  auto tip = output_of("git -C '" + bare + "' rev-parse --verify -q " + ref);
  while (tip.ends_with('\n')) tip.pop_back();
  return tip;
}

}  // namespace gitferry::test
