#include "tests/e2e/delivery_ledger.h"

#include <chrono>
#include <map>
#include <stdexcept>

#include <fmt/format.h>

#include "api/webhook/webhook_sender.h"
#include "tests/e2e/percentile.h"
#include "tests/support/agent_process.h"

namespace gitferry::test {

std::string DeliveryCounts::line() const {
  return fmt::format("sent={} acked={} lost={} recovered={} duplicated={} unexpected={}", sent, acked, lost,
                     recovered, duplicated, unexpected);
}

bool DeliveryLedger::send(std::uint16_t port, const std::string& repository,
                          const std::string& repository_url, const std::string& ref) {
  const api::SendRequest request{.base_url = {},
                                 .provider = "gitea",
                                 .scheme = WebhookScheme::Hmac,
                                 .repo_name = repository,
                                 .secret = Secret(std::string(kHookSecret)),
                                 .repository_url = repository_url,
                                 .full_name = "git/" + repository,
                                 .ref = ref,
                                 .before = std::string(40, '0'),
                                 .after = std::string(40, '1')};  // a hint that nobody trusts
  const auto composed = api::compose_webhook(request);
  if (!composed) throw std::runtime_error(composed.error().text());
  const auto& id = composed->delivery_id;
  std::map<std::string, std::string> headers{composed->headers.begin(), composed->headers.end()};
  headers.emplace("Content-Type", composed->content_type);
  ids_.lock()->sent.insert(id);
  const auto began = std::chrono::steady_clock::now();
  const auto answer = http(port, "POST", api::webhook_path(request), composed->body, headers);
  const std::chrono::duration<double, std::milli> took = std::chrono::steady_clock::now() - began;
  const bool is_acknowledged = answer.status == 200 || answer.status == 202;
  if (!is_acknowledged) return false;
  auto ids = ids_.lock();
  ids->acknowledged.insert(id);
  ids->took_ms.push_back(took.count());
  return true;
}

double DeliveryLedger::acknowledgement_ms(double part) {
  return percentile(ids_.lock()->took_ms, part);
}

DeliveryCounts DeliveryLedger::counts(const std::set<std::string>& recorded) {
  auto ids = ids_.lock();
  DeliveryCounts counts;
  counts.sent = ids->sent.size();
  counts.acked = ids->acknowledged.size();
  for (const auto& id : ids->acknowledged) counts.lost += recorded.contains(id) ? 0U : 1U;
  for (const auto& id : recorded) {
    if (!ids->sent.contains(id)) {
      ++counts.unexpected;
    } else if (!ids->acknowledged.contains(id)) {
      ++counts.recovered;
    }
  }
  return counts;
}

}  // namespace gitferry::test
