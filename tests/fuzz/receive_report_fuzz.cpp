#include <memory>
#include <string>

#include "agent/git/receive_pack.h"
#include "tests/fuzz/fuzz_bytes.h"

namespace {

using namespace gitferry;

/// A target that advertises an empty repository and then reports the fuzzer's bytes.
class FuzzTarget final : public Connection {
 public:
  FuzzTarget(std::string advertisement, const std::uint8_t* data, std::size_t size)
      : text_(std::move(advertisement)),
        advertisement_(reinterpret_cast<const std::uint8_t*>(text_.data()), text_.size()),
        report_(data, size) {}
  [[nodiscard]] bool is_stateless() const override { return true; }
  Status start_advertisement() override { return {}; }
  Result<ByteReader*> advertisement() override { return &advertisement_; }
  Result<std::unique_ptr<Exchange>> request(std::optional<std::uint64_t> /*length*/) override {
    return std::make_unique<Report>(report_);
  }

 private:
  class Report final : public Exchange {
   public:
    explicit Report(ByteReader& bytes) : bytes_(bytes) {}
    Result<std::size_t> read(std::span<char> out) override { return bytes_.read(out); }
    Status write(std::string_view /*bytes*/) override { return {}; }
    Status finish_request() override { return {}; }

   private:
    ByteReader& bytes_;
  };

  std::string text_;
  fuzz::FuzzBytes advertisement_;
  fuzz::FuzzBytes report_;
};

}  // namespace

/// The first byte says whether the report comes in a side-band. Only `unpack ok` with `ok` for this very ref
/// may count as success.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const ObjectId none = ObjectId::null(ObjectFormat::Sha1);
  std::string line = none.hex() + " capabilities^{}";
  line += '\0';
  line += data[0] % 2 == 0 ? " report-status" : " report-status side-band-64k";
  FuzzTarget connection("\xFF" + packet(line) + std::string(kFlushPacket), data + 1, size - 1);
  ReceivePack target(connection, "fuzz");
  fuzz::require(target.list({"refs/heads/main"}).has_value());
  fuzz::require(target.open({{"refs/heads/main", none, none}}, std::nullopt).has_value());
  const auto outcome = target.finish();
  if (const auto& error = outcome.error_of(0)) {
    fuzz::require(!error->message.empty() && error->message.size() < 2000);
    return 0;
  }
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  fuzz::require(!outcome.unpack_failed);
  // Within a side-band a line may be spread over packets.
  if (data[0] % 2 == 0) {
    fuzz::require(bytes.find("unpack ok") != bytes.npos && bytes.find("ok refs/heads/main") != bytes.npos);
  }
  return 0;
}
