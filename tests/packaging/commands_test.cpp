// The manual page and the completions are written by hand: what they say of commands and options is compared
// with the program's own help.

#include <map>
#include <regex>
#include <set>
#include <sstream>
#include <string>

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/packaging/packaging.h"
#include "tests/support/agent_process.h"
#include "tests/support/temporary_directory.h"

namespace gitferry::test {
namespace {

using ::testing::Contains;
using ::testing::IsEmpty;
using ::testing::Not;
using Words = std::set<std::string>;

std::string packaging_file(const std::string& name) {
  return std::string(GITFERRY_SOURCE_DIR) + "/packaging/" + name;
}

/// A command, as its help has it.
struct Command {
  Words options;                        ///< `--config`, without --help
  std::map<std::string, Words> values;  ///< of options that take one of several words
};

Command command_of_help(const std::string& help) {
  Command command;
  // Lines of options begin with two spaces and a dash, their texts are further right.
  const std::regex option(R"(^  (?:-\w,)?(--[a-z-]+)(?: \w+:\{([^}]*)\})?)");
  std::istringstream lines(help);
  for (std::string line; std::getline(lines, line);) {
    std::smatch match;
    if (!std::regex_search(line, match, option) || match[1] == "--help" || match[1] == "--version") continue;
    command.options.insert(match[1]);
    if (match[2].matched) command.values[match[1]] = matches_of(match[2], "([^,]+)");
  }
  return command;
}

Words subcommands_of(const std::string& help) {
  const auto list = help.find("Subcommands:");
  return list == std::string::npos ? Words() : matches_of(help.substr(list), R"(\n  ([a-z-]+) )");
}

/// All of the program's; `hooks install` is one.
const std::map<std::string, Command>& commands() {
  static const auto all = [] {
    std::map<std::string, Command> found;
    for (const auto& name : subcommands_of(run_gitferry({"--help"}).output)) {
      const auto help = run_gitferry({name, "--help"}).output;
      const auto below = subcommands_of(help);
      if (below.empty()) found[name] = command_of_help(help);
      for (const auto& last : below)
        found[name + " " + last] = command_of_help(run_gitferry({name, last, "--help"}).output);
    }
    return found;
  }();
  return all;
}

/// What may follow the program's name, or one of its commands.
std::map<std::string, Words> words_after() {
  std::map<std::string, Words> after;
  for (const auto& [name, command] : commands()) {
    const auto space = name.find(' ');
    after[""].insert(name.substr(0, space));
    if (space != std::string::npos) after[" " + name.substr(0, space)].insert(name.substr(space + 1));
  }
  return after;
}

TEST(Commands, TheirHelpIsUnderstoodByTheseTests) {
  ASSERT_THAT(commands(), Contains(::testing::Key("serve")));
  EXPECT_EQ(commands().at("serve").options, Words({"--config", "--log-format", "--log-level"}));
  EXPECT_EQ(commands().at("sync").values.at("--direction"), Words({"to_outer", "to_inter"}));
}

TEST(Commands, TheManualPageHasEachOptionOfEach) {
  const auto page = source_text("packaging/man/gitferry.1");
  const auto sections = page.substr(0, page.find(".Sh ENVIRONMENT"));
  Words described;
  for (std::size_t at = sections.find(".Ss "); at != std::string::npos;) {
    const auto next = sections.find(".Ss ", at + 4);
    const auto text = sections.substr(at, next - at);
    const auto name = text.substr(4, text.find('\n') - 4);
    described.insert(name);
    Words options;
    for (const auto& option : matches_of(text, R"(\bFl -([a-z-]+))")) options.insert("--" + option);
    ASSERT_THAT(commands(), Contains(::testing::Key(name)));
    EXPECT_EQ(options, commands().at(name).options) << name;
    at = next;
  }
  Words all;
  for (const auto& [name, command] : commands()) all.insert(name);
  EXPECT_EQ(described, all);
}

/// What bash would offer after these words.
Words offered_by_bash(const std::string& words, const std::string& last) {
  const auto script = fmt::format(
      "source {}; COMP_WORDS=({} '{}'); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); _gitferry; printf '%s\\n' "
      "\"${{COMPREPLY[@]}}\"",
      packaging_file("completions/gitferry.bash"), words, last);
  const auto ran = run_tool({"bash", "--norc", "-c", script});
  EXPECT_EQ(ran.status, 0) << ran.errors;
  auto offered = words_of(ran.output);
  offered.erase("--help");
  offered.erase("--version");
  return offered;
}

/// The same of fish, which shows a text after a tab.
Words offered_by_fish(const std::string& line) {
  // It writes into the home that it is given, and makes it where it is missing.
  const TemporaryDirectory home;
  const auto ran = run_tool(
      {"fish", "--no-config", "-c",
       fmt::format("source {}; complete -C '{}'", packaging_file("completions/gitferry.fish"), line)},
      {"HOME=" + home.path().string()});
  EXPECT_EQ(ran.status, 0) << ran.errors;
  auto offered = matches_of("\n" + ran.output, R"(\n([^\t\n]+))");
  offered.erase("--help");
  offered.erase("--version");
  return offered;
}

TEST(Commands, BashOffersThemWithTheirOptionsAndValues) {
  for (const auto& [name, command] : commands()) {
    EXPECT_EQ(offered_by_bash("gitferry " + name, "--"), command.options) << name;
    for (const auto& [option, values] : command.values)
      EXPECT_EQ(offered_by_bash("gitferry " + name + " " + option, ""), values) << name << option;
  }
  for (const auto& [before, words] : words_after())
    EXPECT_EQ(offered_by_bash("gitferry" + before, ""), words) << before;
  EXPECT_EQ(offered_by_bash("gitferry", "ser"), Words({"serve"}));
}

TEST(Commands, FishOffersThemWithTheirOptionsAndValues) {
  for (const auto& [name, command] : commands()) {
    EXPECT_EQ(offered_by_fish("gitferry " + name + " --"), command.options) << name;
    for (const auto& [option, values] : command.values)
      EXPECT_EQ(offered_by_fish("gitferry " + name + " " + option + " "), values) << name << option;
  }
  for (const auto& [before, words] : words_after())
    EXPECT_EQ(offered_by_fish("gitferry" + before + " "), words) << before;
}

/// What the file for zsh has in the arm of a command: zsh offers nothing without a terminal.
std::string arm_of(const std::string& text, const std::string& name) {
  std::smatch match;
  const std::regex arm("\n    ((?:[a-z-]+ \\| )*)?" + name + "(?: \\| [a-z-]+)*\\)\n([\\s\\S]*?)\n      ;;");
  return std::regex_search(text, match, arm) ? match[2].str() : std::string();
}

TEST(Commands, ZshOffersThemWithTheirOptionsAndValues) {
  const auto file = packaging_file("completions/_gitferry");
  EXPECT_EQ(run_tool({"zsh", "-f", "-n", file}).status, 0);
  const auto text = text_of_file(file);
  const auto of_lists = [&](const std::string& list) {
    std::smatch match;
    const std::regex assigned("  " + list + R"(=\(([^\n]*)\)\n)");
    return std::regex_search(text, match, assigned) ? match[1].str() : std::string();
  };
  for (const auto& [name, command] : commands()) {
    auto arm = arm_of(text, std::regex_replace(name, std::regex(" "), "-"));
    if (arm.find("$agent") != std::string::npos) arm += of_lists("agent");
    if (arm.find("$config") != std::string::npos) arm += of_lists("config");
    EXPECT_EQ(matches_of(arm, R"((--[a-z-]+)\[)"), command.options) << name;
    for (const auto& [option, values] : command.values)
      EXPECT_EQ(words_of(*matches_of(arm, option + R"(\[[^\]]*\]:[^:]*:\(([^)]*)\))").begin()), values)
          << name;
  }
  EXPECT_EQ(matches_of(text, R"(\n    '([a-z-]+):)"), words_after()[""]);
  EXPECT_EQ(matches_of(arm_of(text, "hooks"), R"(([a-z]+)\\:)"), words_after()[" hooks"]);
}

}  // namespace
}  // namespace gitferry::test
