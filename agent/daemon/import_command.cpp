#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <string>
#include <system_error>

#include <fcntl.h>
#include <unistd.h>

#include "agent/base/unique_fd.h"
#include "agent/daemon/command_line.h"
#include "agent/daemon/commands.h"
#include "agent/daemon/private_files.h"
#include "agent/daemon/process.h"
#include "config/loader.h"
#include "config/original_import.h"

namespace gitferry::daemon {
namespace {

/// The two tables of a very large service are a few MiB; what makes a dump larger is the log.
constexpr std::size_t kDumpLimit = 256 * 1024 * 1024;

Result<std::string> read_all(int fd) {
  std::string text;
  std::array<char, 65'536> chunk{};
  for (;;) {
    const ssize_t count = ::read(fd, chunk.data(), chunk.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0)
      return fail(ErrorCode::LocalPermission,
                  "cannot read the dump: " + std::generic_category().message(errno));
    if (count == 0) return text;
    text.append(chunk.data(), static_cast<std::size_t>(count));
    if (text.size() > kDumpLimit)
      return fail(ErrorCode::LimitExceeded, "the dump is larger than 256 MiB",
                  "dump only the tables sync_repo_mapping and sync_branch_mapping");
  }
}

Result<std::string> text_of_dump(const std::string& path) {
  if (path == "-") return read_all(STDIN_FILENO);
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd)
    return fail(ErrorCode::LocalPermission,
                "cannot open '" + path + "': " + std::generic_category().message(errno));
  return read_all(fd.get());
}

int explain_failure(const Error& error) {
  std::fprintf(stderr, "gitferry: %s\n", error.text().c_str());
  return kFailed;
}

void explain_import(const config::OriginalImport& imported) {
  for (const auto& text : imported.left_out) std::fprintf(stderr, "left out: %s\n", text.c_str());
  for (const auto& text : imported.remarks) std::fprintf(stderr, "note: %s\n", text.c_str());
  for (const auto& secret : imported.secrets) std::fprintf(stderr, "token: %s\n", secret.file.c_str());
}

}  // namespace

int import_command(const ImportOptions& options) {
  harden_process();
  const auto text = text_of_dump(options.dump_path);
  if (!text) return explain_failure(text.error());
  const auto dump = config::read_original_dump(*text);
  if (!dump) return explain_failure(dump.error());
  const auto imported = config::import_original(*dump, options.secrets_directory);
  for (const auto& secret : imported.secrets) {
    if (const auto written = write_private_file(secret.file, secret.secret); !written)
      return explain_failure(written.error());
  }
  explain_import(imported);
  std::fwrite(imported.yaml.data(), 1, imported.yaml.size(), stdout);
  // Judged as it will be where nothing in the environment replaces a part of it.
  const auto no_environment = [](const std::string&) { return std::optional<std::string>(); };
  const int judged = explain_configuration(
      config::load_text(imported.yaml, "the imported configuration", no_environment), stderr);
  if (judged != kDone) return judged;
  return imported.left_out.empty() ? kDone : kFailed;
}

}  // namespace gitferry::daemon
