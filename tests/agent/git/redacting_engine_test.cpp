#include "agent/git/redacting_engine.h"

#include <gtest/gtest.h>

#include "agent/base/crypto.h"
#include "agent/base/text.h"

namespace gitferry {
namespace {

constexpr const char* kPassword = "S3CR3T/canary of a host";

Credential credential(const std::string& user, const std::string& password) {
  Credential made;
  made.username = user;
  made.password = Secret(password);
  return made;
}

std::string redacted(std::string text, const std::string& user = "bot",
                     const std::string& password = kPassword) {
  Redaction redaction;
  redaction.add(credential(user, password));
  redaction.apply(text);
  return text;
}

TEST(Redaction, S35_FindsASecretInEveryFormThatAHostSees) {
  const std::string password = kPassword;
  EXPECT_EQ(redacted("you said " + password + ", twice " + password), "you said ***, twice ***");
  EXPECT_EQ(redacted("Basic " + to_base64("bot:" + password) + "!"), "Basic ***!");
  EXPECT_EQ(redacted("Basic " + to_base64("git:" + password), ""), "Basic ***");
  EXPECT_EQ(redacted("https://bot:S3CR3T%2Fcanary%20of%20a%20host@h/x"), "https://bot:***@h/x");
  EXPECT_EQ(redacted(password), "***");
  EXPECT_EQ(redacted(password + password), "******");
}

TEST(Redaction, S35_FindsWhatIsLeftOfASecretWhereATextWasCut) {
  const std::string password = kPassword;
  EXPECT_EQ(redacted("said " + password.substr(0, 15)), "said ***");
  EXPECT_EQ(redacted("said " + password.substr(0, 12) + "..."), "said ***...");
  for (const std::size_t limit : {20U, 12U, 10U}) {
    EXPECT_EQ(redacted(shortened("said " + password, limit)), "said ***\u2026") << limit;
  }
}

TEST(Redaction, S35_OfTwoSecretsThatBeginAlikeNoneIsLeftInPart) {
  Redaction redaction;
  redaction.add(credential("bot", "github_pat_11ABCDEFG_first"));
  redaction.add(credential("bot", "github_pat_11ABCDEFG_second"));
  std::string text = "github_pat_11ABCDEFG_second github_pat_11ABCDEFG_first github_pat_11ABCDEFG_s";
  redaction.apply(text);
  EXPECT_EQ(text, "*** *** ***");
}

TEST(Redaction, LeavesEverythingElse) {
  for (const auto* text : {"", "nothing of it", "S3CR3T", "S3CR3T/cana", "bot", "git"}) {
    EXPECT_EQ(redacted(text), text);
  }
  EXPECT_EQ(redacted("the branch main", "bot", "main"), "the branch main") << "that is no secret";
  EXPECT_EQ(redacted("a secret", "bot", ""), "a secret");
}

/// Says what it was told to.
class TalkingEngine final : public Engine {
 public:
  explicit TalkingEngine(std::string text) : text_(std::move(text)) {}
  std::vector<RunReport> sync(const SyncRequest& /*request*/, std::stop_token /*stop*/) override {
    RunReport failed;
    failed.error = Error{ErrorCode::ProtocolError, "the host answered '" + text_ + "'", "hint " + text_, {}};
    RunReport good;
    good.remote_text = "hello\n" + text_;
    return {failed, good};
  }
  Result<std::vector<RefTip>> list_refs(const Remote& /*remote*/, RefScope /*scope*/,
                                        std::stop_token /*stop*/) override {
    return fail(ErrorCode::ProtocolError, text_, text_);
  }

 private:
  std::string text_;
};

TEST(RedactingEngine, S35_NoReportOrListingRepeatsTheSecretOfEitherSide) {
  for (const std::string secret : {"S3CR3T-of-the-source", "S3CR3T-of-the-target"}) {
    RedactingEngine engine(std::make_unique<TalkingEngine>(secret));
    SyncRequest request;
    request.source.credential = credential("bot", "S3CR3T-of-the-source");
    request.target.credential = credential("bot", "S3CR3T-of-the-target");
    const auto reports = engine.sync(request, {});
    ASSERT_EQ(reports.size(), 2U);
    EXPECT_EQ(reports[0].error->message, "the host answered '***'");
    EXPECT_EQ(reports[0].error->hint, "hint ***");
    EXPECT_EQ(reports[1].remote_text, "hello\n***");
    const auto listed =
        engine.list_refs({{}, credential("bot", secret)}, RefScope::Branches, std::stop_token());
    ASSERT_FALSE(listed);
    EXPECT_EQ(listed.error().text(), "***; ***");
  }
}

}  // namespace
}  // namespace gitferry
