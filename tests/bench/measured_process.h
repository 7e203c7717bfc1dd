#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

namespace gitferry::bench {

/// What something cost: wall time, and user + system time of the client side (a child with its own children).
struct Cost {
  double wall_s = 0;
  double cpu_s = 0;
};

/// Runs a program to its end, feeding `input` to it. A failing program ends the benchmark: figures of a
/// broken set-up are worse than none.
Cost run(const std::vector<std::string>& argv, std::string_view input = {});

/// As run(), and returns what it printed, without the line end.
std::string output_of(const std::vector<std::string>& argv);

/// User + system time of this process so far, its children not counted.
double own_cpu_s();
/// User + system time of those children that have ended and were waited for.
double ended_children_cpu_s();
/// The same of another process that is running, with its children that have ended, to a hundredth of a
/// second.
double cpu_s(pid_t process);

/// The same of all children of this process that are running.
double running_children_cpu_s();

/// Sets the peak of resident memory back to what is resident now (`/proc/self/clear_refs`, proc(5)).
void reset_peak_memory();
/// Peak of resident memory since the reset, and what is resident now, in MiB.
double peak_memory_mib();
double resident_memory_mib();
/// The same of another process.
void reset_peak_memory(pid_t process);
double peak_memory_mib(pid_t process);
double resident_memory_mib(pid_t process);

}  // namespace gitferry::bench
