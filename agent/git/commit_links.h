#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace gitferry {

/// The lines of a commit that lead to other objects. All else in it, authors and dates of whatever form old
/// histories hold, is nobody's concern here.
struct CommitLinks {
  std::string tree;               ///< a raw id; empty: this is no commit
  std::string parents;            ///< raw ids, one behind the other
  std::int64_t committed_at = 0;  ///< seconds since 1970; 0: it does not say
};

/// `content`: the commit object without its header; `id_size`: bytes of a raw id.
CommitLinks links_of_commit(std::string_view content, std::size_t id_size);

}  // namespace gitferry
