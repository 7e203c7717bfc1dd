#include "config/notifications.h"

#include <algorithm>
#include <array>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "agent/base/text.h"
#include "agent/model/host_pattern.h"
#include "agent/model/notice.h"
#include "agent/model/text_template.h"
#include "agent/model/webhook_source.h"
#include "config/named_files.h"
#include "config/scalars.h"

namespace gitferry::config {
namespace {

constexpr MapReader::Range kAttempts{1, 1'000};
constexpr MapReader::DurationRange kAfter{std::chrono::seconds{1}, std::chrono::days{7}};
constexpr MapReader::DurationRange kDigest{std::chrono::seconds{1}, std::chrono::hours{24}};
/// Each of them gets a turn of one thread, and each of the turns may last.
constexpr std::size_t kMostChannels = 16;
constexpr std::size_t kMostReceivers = 50;
constexpr std::size_t kLongestMailbox = 254;
constexpr std::size_t kLongestName = 64;

/// `user@host`, of printable ASCII without what an address line would take for something else.
bool is_mailbox(std::string_view text) {
  const auto at = text.rfind('@');
  const bool has_both = at != std::string_view::npos && at > 0 && at + 1 < text.size();
  return has_both && text.size() <= kLongestMailbox && std::all_of(text.begin(), text.end(), [](char c) {
           return c > ' ' && c < 0x7F && std::string_view("<>(),;:\\\"[]").find(c) == std::string_view::npos;
         });
}

class ChannelReader {
 public:
  ChannelReader(const MapReader& map, const Environment& environment, const Network& network)
      : map_(map), environment_(environment), network_(network) {}

  NotificationChannel read() {
    read_name();
    if (map_.require("kind", "kind: slack"))
      channel_.kind =
          map_.choice("kind", {"webhook", "slack", "dingtalk", "feishu", "wecom", "email"}).value_or("");
    if (channel_.kind == "email") {
      refuse({"url_file", "url_env", "secret_file", "secret_env"}, "an e-mail goes to a mail server");
      refuse({"old_secret_file", "old_secret_env"}, "an e-mail goes to a mail server");
      read_mail();
    } else if (!channel_.kind.empty()) {
      refuse({"smtp", "security", "username", "password_file", "password_env", "from", "to"},
             "it is for kind: email");
      read_url();
      read_secret_key();
    }
    read_events();
    read_repositories();
    channel_.language = map_.choice("language", {"en", "zh"}).value_or(channel_.language);
    channel_.digest = map_.duration("digest", kDigest).value_or(channel_.digest);
    read_text();
    return std::move(channel_);
  }

 private:
  void read_name() {
    if (!map_.require("name", "name: ops")) return;
    channel_.name = map_.text("name").value_or("");
    const bool is_plain = std::all_of(channel_.name.begin(), channel_.name.end(), [](char c) {
      return std::string_view("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-").find(c) !=
             std::string_view::npos;
    });
    if (!is_plain || channel_.name.size() > kLongestName)
      map_.error(map_.at("name"), map_.named("name") + " takes up to 64 letters, digits, '.', '_' and '-'");
  }

  void refuse(std::initializer_list<std::string_view> keys, std::string_view why) const {
    for (const auto key : keys) {
      if (map_.find(key) != nullptr)
        map_.error(map_.at(key), map_.named(key) + " does nothing here: " + std::string(why), "remove it");
    }
  }

  /// The secret of the moment, so that it can be checked; reported where it cannot be read.
  std::optional<Secret> content_of(const std::string& stem, const SecretSource& source) const {
    auto secret = read_secret(source, environment_);
    if (secret) return std::move(*secret);
    map_.error(map_.at(stem + (source.file.empty() ? "_env" : "_file")), secret.error().message,
               secret.error().hint);
    return std::nullopt;
  }

  void read_url() {
    const auto source = map_.secret("url");
    if (!source) {
      if (map_.find("url_file") == nullptr && map_.find("url_env") == nullptr)
        map_.error(map_.at(), map_.where() + " has no address", "give it url_file or url_env");
      return;
    }
    channel_.url = *source;
    const auto url = content_of("url", *source);
    if (!url) return;
    const auto& at = map_.at(source->file.empty() ? "url_env" : "url_file");
    const bool is_http = url->reveal().starts_with("http://");
    if (!is_http && !url->reveal().starts_with("https://"))
      map_.error(at, name_of(*source) + " holds no address that begins with https://");
    else if (is_http && !network_.allow_schemes.contains(Scheme::Http))
      map_.error(at, name_of(*source) + " holds an address without TLS",
                 "use https://, or allow http in network.allow_schemes");
  }

  void read_secret_key() {
    const bool is_webhook = channel_.kind == "webhook";
    read_old_secret(is_webhook);
    const bool can_sign = is_webhook || channel_.kind == "dingtalk" || channel_.kind == "feishu";
    if (!can_sign) {
      refuse({"secret_file", "secret_env"}, "its address is all that " + channel_.kind + " checks");
      return;
    }
    channel_.secret = map_.secret("secret");
    if (!channel_.secret) {
      if (is_webhook && map_.find("secret_file") == nullptr && map_.find("secret_env") == nullptr)
        map_.error(map_.at(), map_.where() + " has no secret to sign with",
                   "give it secret_file or secret_env");
      return;
    }
    if (is_webhook)
      check_signing_key("secret", *channel_.secret);
    else
      content_of("secret", *channel_.secret);
  }

  void read_old_secret(bool is_webhook) {
    if (!is_webhook) {
      refuse({"old_secret_file", "old_secret_env"},
             "only a message to a webhook has room for two signatures");
      return;
    }
    channel_.old_secret = map_.secret("old_secret");
    if (channel_.old_secret) check_signing_key("old_secret", *channel_.old_secret);
  }

  void check_signing_key(const std::string& stem, const SecretSource& source) const {
    const auto secret = content_of(stem, source);
    if (secret && !standard_webhooks_key(*secret))
      map_.error(map_.at(stem + (source.file.empty() ? "_env" : "_file")),
                 name_of(source) + " holds no signing key: base64 of 24 to 64 bytes, after whsec_",
                 "make one with: echo whsec_$(openssl rand -base64 32)");
  }

  void read_mail() {
    read_mail_server();
    if (map_.require("from", "from: gitferry@example.org"))
      channel_.from = mailbox("from", map_.text("from"));
    if (map_.require("to", "to: [ops@example.org]")) {
      for (const auto& node : map_.list("to"))
        channel_.to.push_back(mailbox("to", scalar_text(node, "an address", map_.report())));
      if (channel_.to.empty() || channel_.to.size() > kMostReceivers)
        map_.error(map_.at("to"), map_.named("to") + " takes 1 to 50 addresses");
    }
  }

  /// Proxies pass few ports on, and mail servers' are seldom among them.
  void warn_of_proxy() const {
    const auto is_direct = [&](const std::string& text) {
      const auto pattern = HostPattern::parse(text);
      return pattern && pattern->fits(channel_.smtp_host);
    };
    const auto& direct = network_.no_proxy;
    if (network_.proxy.empty() || std::any_of(direct.begin(), direct.end(), is_direct)) return;
    map_.warn(map_.at("smtp"),
              "mail goes to '" + channel_.smtp_host + "' directly, not through network.proxy",
              "name the mail server in network.no_proxy, which says that you know; or use another kind");
  }

  std::string mailbox(std::string_view key, const std::optional<std::string>& text) const {
    if (text && is_mailbox(*text)) return *text;
    if (text)
      map_.error(map_.at(key), map_.named(key) + " takes plain addresses", "for example: ops@example.org");
    return {};
  }

  void read_mail_server() {
    if (map_.require("smtp", "smtp: mail.example.org:587")) {
      const auto text = map_.text("smtp");
      const auto address = text ? parse_listen(*text) : std::nullopt;
      if (address && address->port != 0) {
        channel_.smtp_host = address->host;
        channel_.smtp_port = address->port;
        warn_of_proxy();
      } else if (text) {
        map_.error(map_.at("smtp"), map_.named("smtp") + " must be host:port",
                   "for example: mail.example.org:587");
      }
    }
    channel_.security = map_.choice("security", {"starttls", "tls", "none"}).value_or(channel_.security);
    channel_.username = map_.text("username").value_or("");
    channel_.password = map_.secret("password");
    if (channel_.password) check_secret(map_, "password", *channel_.password, environment_);
    if (channel_.username.empty() != !channel_.password)
      map_.error(map_.at(), map_.where() + ": a login has a username and password_file or password_env",
                 "give it both, or neither");
    if (channel_.security == "none" && channel_.password)
      map_.error(map_.at("security"), "without TLS everybody on the way could read the password",
                 "use starttls or tls");
  }

  void read_events() {
    const std::vector<std::string> known{"failed",  "diverged",    "recovered", "host_down",
                                         "host_up", "hook_silent", "hook_heard"};
    if (map_.find("events") == nullptr) channel_.events = known;
    for (const auto& node : map_.list("events")) {
      const auto text = scalar_text(node, "an event", map_.report());
      if (!text) continue;
      if (std::find(known.begin(), known.end(), *text) != known.end()) {
        channel_.events.push_back(*text);
        continue;
      }
      const auto near = nearest(*text, known);
      map_.error(node.at, map_.named("events") + ": there is no event '" + shortened(*text, 40) + "'",
                 near.empty()
                     ? "known are: failed, diverged, recovered, host_down, host_up, hook_silent, hook_heard"
                     : "did you mean '" + near + "'?");
    }
  }

  void read_repositories() {
    for (const auto& node : map_.list("repos")) {
      if (auto pattern = scalar_text(node, "a pattern of repository names", map_.report()))
        channel_.repos.push_back(std::move(*pattern));
    }
  }

  void read_text() {
    const auto text = map_.text("text");
    if (!text) return;
    if (const auto parsed = TextTemplate::parse(*text, kNoticeFields); !parsed)
      map_.error(map_.at("text"), map_.named("text") + ": " + parsed.error().message, parsed.error().hint);
    if (channel_.kind == "webhook")
      map_.error(map_.at("text"), map_.named("text") + " does nothing here: a webhook gets JSON",
                 "remove it");
    channel_.text = *text;
  }

  const MapReader& map_;
  const Environment& environment_;
  const Network& network_;
  NotificationChannel channel_;
};

}  // namespace

void read_notifications(const MapReader& map, const Environment& environment, Config& config) {
  auto& notifications = config.notifications;
  notifications.after_attempts =
      map.number("after_attempts", kAttempts).value_or(notifications.after_attempts);
  notifications.after = map.duration("after", kAfter).value_or(notifications.after);
  const auto& nodes = map.list("channels");
  if (nodes.size() > kMostChannels) {
    map.error(map.at("channels"), map.named("channels") + " takes up to 16 channels");
    return;
  }
  std::set<std::string> names;
  std::size_t index = 0;
  for (const auto& node : nodes) {
    const MapReader channel(node, map.named("channels") + "[" + std::to_string(index++) + "]",
                            section::kChannel, map.report());
    if (!channel.is_map()) continue;
    auto read = ChannelReader(channel, environment, config.network).read();
    if (!read.name.empty() && !names.insert(read.name).second)
      channel.error(channel.at("name"), "a second channel named '" + read.name + "'");
    notifications.channels.push_back(std::move(read));
  }
}

}  // namespace gitferry::config
