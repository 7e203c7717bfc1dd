#include "agent/daemon/command_line.h"

int main(int argc, char** argv) {
  return gitferry::daemon::run_command_line(argc, argv);
}
