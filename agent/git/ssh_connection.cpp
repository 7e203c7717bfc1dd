#include "agent/git/ssh_connection.h"

#include <utility>

#include "agent/git/ssh_settings.h"

namespace gitferry {

SshConnection::SshConnection(Request request, std::shared_ptr<SshMasters> masters, const Waiting& waiting)
    : request_(std::move(request)), masters_(std::move(masters)), waiting_(waiting) {}

Status SshConnection::start_advertisement() {
  if (is_started_) return {};
  is_started_ = true;
  if (masters_) {
    SshMaster::Opening opening;
    opening.options = request_.options;
    opening.destination = request_.destination;
    opening.explain = [place = request_.place](const ChildExit& exit) {
      return explain_ssh_words(place, exit);
    };
    opening.what = request_.place.what;
    opening.limits = waiting_.limits;
    use_ = masters_->use(request_.identity, opening);
  }
  // One that is being made is waited for later, so that the other side's can be made meanwhile.
  if (use_ && !use_->is_ready()) return {};
  return open();
}

Status SshConnection::open() {
  if (pipe_) return {};
  if (use_) {
    auto shared = use_->wait_until_ready(waiting_);
    if (!shared) return fail(std::move(shared.error()));
    if (*shared) return start_pipe(**shared);
    use_ = {};
  }
  auto options = request_.options(waiting_);
  if (!options) return fail(std::move(options.error()));
  options->insert(options->end(), {"-o", "ControlMaster=no", "-o", "ControlPath=none"});
  return start_pipe(*options);
}

Status SshConnection::start_pipe(const std::vector<std::string>& options) {
  ChildCommand command;
  command.what = request_.place.what;
  command.argv = {"ssh"};
  command.argv.insert(command.argv.end(), options.begin(), options.end());
  command.environment = ssh_environment();
  if (request_.asks_for_v2) command.environment.emplace_back("GIT_PROTOCOL=version=2");
  command.argv.insert(command.argv.end(), {"--", request_.destination, request_.command});
  auto explain = [place = request_.place](const ChildExit& exit) { return explain_ssh_exit(place, exit); };
  pipe_ = std::make_unique<PipeConnection>(std::move(command), std::move(explain), waiting_);
  return pipe_->start_advertisement();
}

Result<ByteReader*> SshConnection::advertisement() {
  if (auto started = start_advertisement(); !started) return fail(std::move(started.error()));
  if (auto opened = open(); !opened) return fail(std::move(opened.error()));
  return pipe_->advertisement();
}

Result<std::unique_ptr<Exchange>> SshConnection::request(std::optional<std::uint64_t> length) {
  if (auto started = start_advertisement(); !started) return fail(std::move(started.error()));
  if (auto opened = open(); !opened) return fail(std::move(opened.error()));
  return pipe_->request(length);
}

}  // namespace gitferry
