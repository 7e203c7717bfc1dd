#include "agent/base/error.h"

#include <array>
#include <cstddef>

namespace gitferry {
namespace {

using enum ErrorCode;
constexpr auto kNever = Retry::Never;
constexpr auto kTransient = Retry::Transient;

// The Chinese texts of 10001–20012 are those of the API that clients of the original know. 10005 and 10009
// are reserved: nothing causes them, as nothing did there (10013 and 10010 are what is answered), and no
// other error may take their numbers. So are 20007 and 20008 in runs: they are of repositories that are kept
// on disk, and the relay keeps none; 20006 is a spool that cannot be made.
constexpr std::array kTable{
    ErrorInfo{RepositoryAddressInvalid, "repository_address_invalid", 10001, 200, kNever, 1,
              "仓库地址格式有误，请检查", "The repository address is malformed"},
    ErrorInfo{RepositoryExists, "repository_exists", 10002, 200, kNever, 1,
              "仓库已存在，请勿重复创建。如果同步方向不同，请更换易识别名称再次创建",
              "The repository is already bound; use another name for another direction"},
    ErrorInfo{BranchExists, "branch_exists", 10003, 200, kNever, 1, "分支已存在，请勿重复绑定",
              "The branch is already bound"},
    ErrorInfo{BranchOnWholeRepository, "branch_on_whole_repository", 10004, 200, kNever, 1,
              "仓库粒度同步，无需添加分支信息", "The whole repository is synced; branches need not be added"},
    ErrorInfo{BranchInformationEmpty, "branch_information_empty", 10005, 200, kNever, 1, "分支信息获取为空",
              "Branch information is empty"},
    ErrorInfo{NotEnabled, "not_enabled", 10006, 200, kNever, 1, "仓库/分支未启用同步，请检查更新同步启用状态",
              "Sync is not enabled for the repository or branch"},
    ErrorInfo{GranularityInvalid, "granularity_invalid", 10007, 200, kNever, 1,
              "sync_granularity: 1 表示仓库粒度的同步, 2 表示分支粒度的同步",
              "sync_granularity: 1 means the whole repository, 2 means single branches"},
    ErrorInfo{DirectionInvalid, "direction_invalid", 10008, 200, kNever, 1,
              "sync_direction: 1 表示内部仓库同步到外部, 2 表示外部仓库同步到内部",
              "sync_direction: 1 means internal to external, 2 means external to internal"},
    ErrorInfo{RepositoryNotBound, "repository_not_bound", 10009, 200, kNever, 1,
              "仓库未绑定，请先绑定仓库，再绑定分支",
              "The repository is not bound; bind it before its branches"},
    ErrorInfo{RepositoryUnknown, "repository_unknown", 10010, 200, kNever, 1, "未查找到仓库",
              "No repository of that name is bound"},
    ErrorInfo{NoBranchToUnbind, "no_branch_to_unbind", 10011, 200, kNever, 1, "仓库粒度同步，没有分支可解绑",
              "The whole repository is synced; there is no branch to unbind"},
    ErrorInfo{BranchUnknown, "branch_unknown", 10012, 200, kNever, 1, "仓库中不存在此分支",
              "The repository has no such branch binding"},
    ErrorInfo{NoData, "no_data", 10013, 200, kNever, 1, "没有数据", "No data"},
    ErrorInfo{NoBranchInformation, "no_branch_information", 10014, 200, kNever, 1,
              "仓库粒度同步，没有分支信息", "The whole repository is synced; there is no branch information"},
    ErrorInfo{IdsDoNotMatch, "ids_do_not_match", 10015, 200, kNever, 1,
              "请检查输入的仓库和分支ID信息是否对应",
              "The repository and the branch ids do not belong together"},
    ErrorInfo{InvalidArgument, "invalid_argument", 10020, 400, kNever, 2, "请求参数有误",
              "The request is malformed"},
    ErrorInfo{RunPending, "run_pending", 10021, 200, kNever, 1, "同步仍在进行，请稍后查看",
              "The sync is still pending or running"},
    ErrorInfo{Unauthenticated, "unauthenticated", 10022, 401, kNever, 1, "未认证",
              "Valid credentials are required"},
    ErrorInfo{Forbidden, "forbidden", 10023, 403, kNever, 1, "没有权限",
              "Not allowed with these credentials"},
    ErrorInfo{RouteUnknown, "route_unknown", 10024, 404, kNever, 1, "接口不存在", "No such route"},
    ErrorInfo{MethodNotAllowed, "method_not_allowed", 10025, 405, kNever, 1, "不支持的请求方法",
              "The method is not allowed here"},
    ErrorInfo{TooLarge, "too_large", 10026, 413, kNever, 1, "请求体过大", "The request is too large"},
    ErrorInfo{RateLimited, "rate_limited", 10027, 429, kNever, 1, "请求过于频繁", "Too many requests"},
    ErrorInfo{Unavailable, "unavailable", 10028, 503, kNever, 1, "服务暂不可用", "Not available right now"},

    ErrorInfo{SshKeyRefused, "ssh_key_refused", 20001, 200, kNever, 1, "SSH 密钥未授权或未添加",
              "The ssh key is not authorised or not added"},
    ErrorInfo{RepositoryMissing, "repository_missing", 20002, 200, kNever, 1,
              "仓库不存在或私有仓库访问权限不足",
              "The repository does not exist, or access to it is insufficient"},
    ErrorInfo{AccessDenied, "access_denied", 20002, 200, kNever, 1, "仓库不存在或私有仓库访问权限不足",
              "The repository does not exist, or access to it is insufficient"},
    ErrorInfo{HostUnresolved, "host_unresolved", 20003, 200, kTransient, 1, "无法解析主机",
              "The host name cannot be resolved"},
    ErrorInfo{Timeout, "timeout", 20004, 200, kTransient, 1, "连接超时", "The connection timed out"},
    ErrorInfo{AuthenticationFailed, "authentication_failed", 20005, 200, kNever, 1,
              "认证失败 (用户名和密码、个人访问令牌、SSH 密钥等)",
              "Authentication failed (user name and password, access token, ssh key)"},
    ErrorInfo{LocalPermission, "local_permission", 20006, 200, kNever, 1,
              "没有权限在指定的本地目录创建文件或目录",
              "No permission to create files in the local directory"},
    ErrorInfo{LocalConflict, "local_conflict", 20007, 200, kNever, 1,
              "本地目录冲突 (本地已存在同名目录，无法创建新的工作树目录)",
              "The local directory is in the way"},
    ErrorInfo{LocalRepositoryDamaged, "local_repository_damaged", 20008, 200, kTransient, 1,
              "当前的工作目录不是一个git仓库", "The local directory is not a git repository"},
    ErrorInfo{BranchMissing, "branch_missing", 20009, 200, kNever, 1, "分支不存在",
              "The branch does not exist"},
    ErrorInfo{Diverged, "diverged", 20010, 200, kNever, 1, "推送冲突",
              "Push conflict: the target has commits that the source does not have"},
    ErrorInfo{LeaseLost, "lease_lost", 20010, 200, kTransient, 1, "推送冲突",
              "Push conflict: the target moved while the sync ran"},
    ErrorInfo{ProtectedBranch, "protected_branch", 20011, 200, kNever, 1, "推送到受保护的分支被拒绝",
              "The push to a protected branch was refused"},
    ErrorInfo{ConnectionFailed, "connection_failed", 20012, 200, kTransient, 1, "Git 连接失败",
              "The connection to the git host failed"},
    ErrorInfo{HostError, "host_error", 20012, 200, kTransient, 1, "Git 服务器错误", "The git host failed"},
    ErrorInfo{HostBusy, "host_busy", 20012, 200, kTransient, 1, "Git 服务器繁忙",
              "The git host asked to be left alone for a while"},
    ErrorInfo{TlsFailed, "tls_failed", 20012, 200, kNever, 1, "TLS 校验失败",
              "The git host's certificate was not accepted"},
    ErrorInfo{AddressRefused, "address_refused", 20012, 200, kNever, 1, "地址不被允许",
              "The address is not allowed by the configuration"},
    ErrorInfo{ProtocolError, "protocol_error", 20012, 200, kNever, 1, "Git 协议错误",
              "The git host's answer was not understood"},
    ErrorInfo{LimitExceeded, "limit_exceeded", 20012, 200, kNever, 1, "超出限制", "A limit was exceeded"},
    ErrorInfo{LengthRequired, "length_required", 20012, 200, kNever, 1, "目标主机要求请求长度",
              "The git host wants the length of the request in advance"},
    ErrorInfo{RejectedByRemote, "rejected_by_remote", 20012, 200, kNever, 1, "目标仓库拒绝更新",
              "The target refused the update"},
    ErrorInfo{GitFailed, "git_failed", 20012, 200, kNever, 1, "未知的 Git 错误", "Unknown git error"},
    ErrorInfo{Cancelled, "cancelled", 20012, 200, kTransient, 1, "同步已取消", "The run was cancelled"},

    ErrorInfo{StoreBusy, "store_busy", 30001, 503, kTransient, 1, "存储繁忙", "The database is busy"},
    ErrorInfo{StoreFull, "store_full", 30002, 503, kTransient, 1, "磁盘空间不足", "The disk is full"},
    ErrorInfo{StoreDamaged, "store_damaged", 30003, 503, kNever, 1, "数据库损坏", "The database is damaged"},
    ErrorInfo{StoreFailed, "store_failed", 30004, 503, kTransient, 1, "存储失败", "The database failed"},

    ErrorInfo{ConfigurationInvalid, "configuration_invalid", 40001, 400, kNever, 78, "配置有误",
              "The configuration is invalid"},
    ErrorInfo{Internal, "internal", 50001, 500, kNever, 1, "内部错误", "Internal error"},
};

constexpr bool table_follows_enumeration() {
  for (std::size_t i = 0; i < kTable.size(); ++i) {
    if (static_cast<std::size_t>(kTable[i].code) != i) return false;
  }
  return kTable.size() == static_cast<std::size_t>(Internal) + 1;
}
static_assert(table_follows_enumeration());

}  // namespace

const ErrorInfo& info(ErrorCode code) {
  return kTable[static_cast<std::size_t>(code)];
}

std::span<const ErrorInfo> all_errors() {
  return kTable;
}

std::string Error::text() const {
  return hint.empty() ? message : message + "; " + hint;
}

}  // namespace gitferry
