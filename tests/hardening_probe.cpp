// A small program with the flags of the release, for tests/hardening.sh to look at in builds that are no
// release: a copy whose size is known to the compiler, and a buffer on the stack.

#include <cstdio>
#include <cstring>

namespace {

void (*volatile greet)(const char*) = nullptr;

void hello(const char* name) {
  char text[64];
  std::strcpy(text, name);
  std::puts(text);
}

}  // namespace

int main(int /*count*/, char** arguments) {
  greet = hello;
  greet(arguments[0]);
}
