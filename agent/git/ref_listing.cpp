#include "agent/git/ref_listing.h"

#include <exception>
#include <string>

namespace gitferry {

Result<std::vector<RefTip>> list_refs_of(Transport& transport, CapabilityCache& sources, const Remote& remote,
                                         RefScope scope, const Waiting& waiting) {
  try {
    auto connection = transport.connect(remote, GitService::UploadPack, 2, waiting);
    if (!connection) return fail(connection.error());
    UploadPack source(**connection, remote.url.str(), sources);
    return source.list_refs(scope);
  } catch (const std::exception& unexpected) {
    return fail(ErrorCode::Internal, std::string("listing refs failed: ") + unexpected.what(),
                "report this with the log around it");
  }
}

}  // namespace gitferry
