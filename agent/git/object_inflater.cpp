#include "agent/git/object_inflater.h"

#include <algorithm>
#include <limits>

namespace gitferry {

ObjectInflater::ObjectInflater() {
  // Fails only without memory; then every step says so.
  static_cast<void>(::inflateInit(&zlib_));
}

ObjectInflater::Piece ObjectInflater::step(std::string_view& bytes) {
  // zlib's interface predates const.
  zlib_.next_in = const_cast<Bytef*>(reinterpret_cast<const Bytef*>(bytes.data()));
  zlib_.avail_in = static_cast<uInt>(std::min<std::size_t>(bytes.size(), std::numeric_limits<uInt>::max()));
  zlib_.next_out = reinterpret_cast<Bytef*>(output_.data());
  zlib_.avail_out = static_cast<uInt>(output_.size());
  const auto offered = zlib_.avail_in;
  const int result = ::inflate(&zlib_, Z_NO_FLUSH);
  bytes.remove_prefix(offered - zlib_.avail_in);
  Piece piece;
  piece.inflated = {output_.data(), output_.size() - zlib_.avail_out};
  piece.has_ended = result == Z_STREAM_END;
  piece.is_last = result != Z_OK || zlib_.avail_out != 0;
  // Z_BUF_ERROR: there was nothing left to do, which is none.
  piece.is_damaged = result != Z_OK && result != Z_STREAM_END && result != Z_BUF_ERROR;
  return piece;
}

}  // namespace gitferry
