# What is shipped and listens to strangers: checked copies, guarded stacks, an address that differs from start to start, no
# table of functions that can be overwritten, and jumps to functions only. tests/hardening.sh looks for it in a program.
add_library(gitferry_hardening INTERFACE)
target_compile_options(gitferry_hardening INTERFACE
  -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2 -fstack-protector-strong -fPIE)
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|amd64|AMD64")
  target_compile_options(gitferry_hardening INTERFACE -fcf-protection=full)
elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "aarch64|arm64")
  target_compile_options(gitferry_hardening INTERFACE -mbranch-protection=standard)
endif()
target_link_options(gitferry_hardening INTERFACE -pie -Wl,-z,relro,-z,now,-z,noexecstack)

# gitferry_flags: the project's warnings, for everything of it.
add_library(gitferry_flags INTERFACE)
target_include_directories(gitferry_flags INTERFACE ${CMAKE_SOURCE_DIR})
target_compile_options(gitferry_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wnon-virtual-dtor -Wold-style-cast -Werror
  -fstack-protector-strong)
target_link_options(gitferry_flags INTERFACE -Wl,-z,relro,-z,now)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  # False alarms of g++ 12's optimiser about std::string and inlined deletes (for the strings: GCC bugs 105329 and 105651).
  target_compile_options(gitferry_flags INTERFACE -Wno-restrict -Wno-free-nonheap-object)
elseif(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # A false alarm of newer ones: an optional string that is assigned to (GCC bug 80635).
  target_compile_options(gitferry_flags INTERFACE -Wno-maybe-uninitialized)
endif()
target_compile_definitions(gitferry_flags INTERFACE
  GITFERRY_VERSION="${PROJECT_VERSION}" SPDLOG_COMPILED_LIB SPDLOG_FMT_EXTERNAL)
if(GITFERRY_SANITIZE STREQUAL "address")
  target_compile_options(gitferry_flags INTERFACE -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(gitferry_flags INTERFACE -fsanitize=address,undefined)
elseif(GITFERRY_SANITIZE STREQUAL "thread")
  target_compile_options(gitferry_flags INTERFACE -fsanitize=thread -fno-omit-frame-pointer)
  target_link_options(gitferry_flags INTERFACE -fsanitize=thread)
else()
  target_link_libraries(gitferry_flags INTERFACE $<$<CONFIG:Release>:gitferry_hardening>)
endif()

# gitferry_layer(NAME SOURCES … LINK …): the static library of one folder, with the project's warnings.
function(gitferry_layer name)
  cmake_parse_arguments(ARG "" "" "SOURCES;LINK" ${ARGN})
  add_library(${name} STATIC ${ARG_SOURCES})
  target_link_libraries(${name} PUBLIC gitferry_flags ${ARG_LINK})
endfunction()

# gitferry_test(NAME SOURCES … LINK … [LABELS …]): one GoogleTest program of one folder, each case a ctest of its own.
function(gitferry_test name)
  cmake_parse_arguments(ARG "" "TIMEOUT" "SOURCES;LINK;LABELS" ${ARGN})
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 120)
  endif()
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE ${ARG_LINK} GTest::gtest GTest::gmock GTest::gtest_main)
  target_compile_definitions(${name} PRIVATE GITFERRY_TEST_DATA="${CMAKE_SOURCE_DIR}/tests/data")
  gtest_discover_tests(${name} DISCOVERY_TIMEOUT 60 PROPERTIES TIMEOUT ${ARG_TIMEOUT} LABELS "${ARG_LABELS}")
endfunction()
