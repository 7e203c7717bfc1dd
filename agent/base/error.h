#pragma once

#include <chrono>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace gitferry {

/// Everything that can go wrong and that someone acts on. Closed list: a new entry needs a row in
/// the table of error.cpp, which gives each its API number, HTTP status, retry rule and texts.
enum class ErrorCode {
  // Requests (1xxxx): the caller acts. 10001–10015 are the numbers of the API document.
  RepositoryAddressInvalid,
  RepositoryExists,
  BranchExists,
  BranchOnWholeRepository,
  BranchInformationEmpty,
  NotEnabled,
  GranularityInvalid,
  DirectionInvalid,
  RepositoryNotBound,
  RepositoryUnknown,
  NoBranchToUnbind,
  BranchUnknown,
  NoData,
  NoBranchInformation,
  IdsDoNotMatch,
  InvalidArgument,
  RunPending,
  Unauthenticated,
  Forbidden,
  RouteUnknown,
  MethodNotAllowed,
  TooLarge,
  RateLimited,
  Unavailable,
  // Git (2xxxx): the operator or a git host acts. 20001–20012 are the numbers of the API document.
  SshKeyRefused,
  RepositoryMissing,
  AccessDenied,
  HostUnresolved,
  Timeout,
  AuthenticationFailed,
  LocalPermission,
  LocalConflict,
  LocalRepositoryDamaged,
  BranchMissing,
  Diverged,
  LeaseLost,
  ProtectedBranch,
  ConnectionFailed,
  HostError,
  HostBusy,
  TlsFailed,
  AddressRefused,
  ProtocolError,
  LimitExceeded,
  LengthRequired,  ///< a host that takes no chunked request: the relay sends again with a length
  RejectedByRemote,
  GitFailed,
  Cancelled,
  // Storage (3xxxx)
  StoreBusy,
  StoreFull,
  StoreDamaged,
  StoreFailed,
  // Configuration (4xxxx)
  ConfigurationInvalid,
  // Internal (5xxxx): ours
  Internal,
};

/// What happens to a lane after a run that ended with an error.
enum class Retry {
  Never,      ///< permanent: waits for the next event, a manual sync or a configuration change
  Transient,  ///< the lane stays pending and is tried again with back-off
};

/// One row of the error table. All views are static.
struct ErrorInfo {
  ErrorCode code;
  std::string_view name;  ///< stable, snake_case: for logs, JSON and metrics
  int code_status;        ///< number in the API envelope
  int http_status;        ///< 200 for domain outcomes, as the API document's clients expect
  Retry retry;
  int exit_code;  ///< of the command line: 1 failed, 2 usage, 78 bad configuration (EX_CONFIG of sysexits.h)
  std::string_view text_zh;
  std::string_view text_en;
};

/// The row of `code`. Never fails.
const ErrorInfo& info(ErrorCode code);

/// All rows, in the order of the enumeration.
std::span<const ErrorInfo> all_errors();

/// A failure as a value.
///
/// `message` says what was attempted, on what, and what happened; `hint` says what to do. Neither holds
/// a secret or an address with user info: whoever builds the text sees to that.
struct Error {
  ErrorCode code = ErrorCode::Internal;
  std::string message;
  std::string hint;
  /// What a host asked for with Retry-After; the earliest next attempt.
  std::optional<std::chrono::seconds> retry_after;
  /// The git host that did not do what was asked of it (RemoteUrl::host_key()); empty: no host's doing, or
  /// not known whose.
  std::string host = {};

  [[nodiscard]] bool is_transient() const { return info(code).retry == Retry::Transient; }
  /// "message; hint", for logs, the command line and the sync log.
  [[nodiscard]] std::string text() const;
};

}  // namespace gitferry
