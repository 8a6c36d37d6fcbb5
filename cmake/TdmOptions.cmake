# How every target of the house is compiled.

set(CMAKE_CXX_STANDARD 23)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bin)

set(CMAKE_CXX_FLAGS_DEBUG "-O0 -g1")
set(CMAKE_CXX_FLAGS_RELEASE "-O2 -DNDEBUG")
set(CMAKE_CXX_FLAGS_SANITIZE "-O1 -g1 -fno-omit-frame-pointer")
set(CMAKE_CXX_FLAGS_BENCH "-O2 -DNDEBUG -g1 -fno-omit-frame-pointer")

# The same flag for libraries and programs: the Python extension links the rooms, and a precompiled header
# serves only sources that were compiled exactly like it.
add_compile_options(-fPIC)

# An object file must not name the folder it was built in, and a fresh clone elsewhere may reuse the compiler cache.
add_compile_options(-ffile-prefix-map=${PROJECT_SOURCE_DIR}/=)

find_program(TDM_CCACHE ccache)
if(TDM_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  # ccache refuses precompiled headers unless it may trust them to name all they were made from.
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime
      CCACHE_BASEDIR=${PROJECT_SOURCE_DIR} ${TDM_CCACHE})
  add_compile_options($<$<CXX_COMPILER_ID:GNU>:-fpch-preprocess>)
endif()

if(TDM_SANITIZE)
  add_compile_options(-fsanitize=${TDM_SANITIZE} -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${TDM_SANITIZE})
endif()
if(TDM_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()

add_library(tdm_options INTERFACE)
# The root is there for sim/ and tests/support/, whose headers are named from it.
target_include_directories(tdm_options INTERFACE ${PROJECT_SOURCE_DIR}/src ${PROJECT_SOURCE_DIR})
target_compile_options(tdm_options INTERFACE -Wall -Wextra -Wconversion -Wshadow -Werror)
if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  # g++ does not count the first to -Wconversion; the second meets its standard library from inside.
  target_compile_options(tdm_options INTERFACE -Wno-sign-conversion -Wno-deprecated-declarations)
endif()
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  # Optimizing, g++ 12 reads lengths of 2^64-1 out of std::string (GCC bugs 105329, 105651), empty std::optionals out of code
  # that asked whether there is one (80635), and a mismatch out of the two operators that Asio gives its coroutine frames
  # when it inlines only one of them. The address sanitizer and clang-tidy look for the real ones.
  target_compile_options(tdm_options INTERFACE -Wno-stringop-overflow -Wno-stringop-overread -Wno-restrict
                         -Wno-array-bounds -Wno-maybe-uninitialized -Wno-mismatched-new-delete)
endif()
if(TDM_SANITIZE STREQUAL "thread")
  # Asio uses atomic_thread_fence, which g++ warns that the thread sanitizer does not see.
  target_compile_options(tdm_options INTERFACE -Wno-error=tsan)
endif()
