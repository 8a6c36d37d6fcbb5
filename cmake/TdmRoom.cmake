# A room is one folder and one target. Its CMakeLists.txt says only what the room stands on:
#
#   tdm_room(net DEPS core telemetry LIBS tdm::openssl tdm::zlib)
#
# The sources are *.cpp and detail/*.cpp of the folder (main.cpp belongs to a program, see tdm_program), the unit tests
# are tests/*_test.cpp. The target is tdm_<name>; a room inside a room is named with an underscore: sources_bybit.

set(TDM_SHARED_DIR ${PROJECT_SOURCE_DIR}/../shared
    CACHE PATH "Where recordings/ of real exchange answers lies; tests that want them skip without it")

# One precompiled header per kind, shared by all rooms of that kind, so that it is compiled once and not per room.
function(tdm_add_pch kind)
  set(target tdm_pch_${kind})
  file(CONFIGURE OUTPUT ${PROJECT_BINARY_DIR}/pch/${kind}.cpp
       CONTENT "// Gives the precompiled header ${kind} a target to live in.\n")
  add_library(${target} OBJECT ${PROJECT_BINARY_DIR}/pch/${kind}.cpp)
  target_link_libraries(${target} PRIVATE tdm_options tdm::fmt ${ARGN})
  target_include_directories(${target} PRIVATE ${PROJECT_SOURCE_DIR})
  target_precompile_headers(${target} PRIVATE ${PROJECT_SOURCE_DIR}/cmake/pch/${kind}.hpp)
endfunction()

tdm_add_pch(std)
tdm_add_pch(asio tdm::boost)
# What only tests see is compiled without optimizing: it runs for moments and takes half as long to compile, a third with
# sanitizers. The rooms under test are compiled as always.
function(tdm_quick_to_compile target)
  target_compile_options(${target} PRIVATE -O0)
endfunction()

if(TDM_TESTS)
  tdm_add_pch(std_test GTest::gmock)
  tdm_add_pch(asio_test tdm::boost GTest::gmock)
  tdm_quick_to_compile(tdm_pch_std_test)
  tdm_quick_to_compile(tdm_pch_asio_test)
endif()

# Whether the room sees Asio: itself, or through a room it stands on.
function(tdm_room_kind out name)
  set(kind std)
  foreach(dep IN LISTS ARGN)
    get_target_property(dep_kind tdm_${dep} TDM_KIND)
    if(dep_kind STREQUAL "asio")
      set(kind asio)
    endif()
  endforeach()
  if(name MATCHES "^(net|sources)$")
    set(kind asio)
  endif()
  set(${out} ${kind} PARENT_SCOPE)
endfunction()

function(tdm_room_tests name kind)
  file(GLOB tests CONFIGURE_DEPENDS tests/*_test.cpp)
  if(NOT tests OR NOT TDM_TESTS)
    return()
  endif()
  add_executable(test_${name} ${tests})
  target_link_libraries(test_${name} PRIVATE tdm_${name} tdm_test_support GTest::gmock GTest::gtest_main)
  target_compile_definitions(
    test_${name} PRIVATE TDM_SOURCE_DIR="${PROJECT_SOURCE_DIR}" TDM_ROOM_DIR="${CMAKE_CURRENT_SOURCE_DIR}"
                         TDM_SHARED_DIR="${TDM_SHARED_DIR}")
  target_precompile_headers(test_${name} REUSE_FROM tdm_pch_${kind}_test)
  tdm_quick_to_compile(test_${name})
  # One ctest entry per room and not per test: a process costs more than most of our tests.
  add_test(NAME ${name} COMMAND test_${name} --gtest_brief=1)
  set_tests_properties(${name} PROPERTIES TIMEOUT 600)
endfunction()

function(tdm_room name)
  cmake_parse_arguments(PARSE_ARGV 1 room "" "" "DEPS;LIBS")
  if(room_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "tdm_room(${name}): unknown argument ${room_UNPARSED_ARGUMENTS}")
  endif()
  foreach(dep IN LISTS room_DEPS)
    if(NOT TARGET tdm_${dep})
      message(FATAL_ERROR "tdm_room(${name}): there is no room ${dep}, or it comes later")
    endif()
  endforeach()

  tdm_room_kind(kind ${name} ${room_DEPS})
  list(TRANSFORM room_DEPS PREPEND tdm_ OUTPUT_VARIABLE links)
  list(APPEND links tdm_options tdm::fmt Threads::Threads ${room_LIBS})
  if(kind STREQUAL "asio")
    list(APPEND links tdm::boost)
  endif()

  file(GLOB sources CONFIGURE_DEPENDS *.cpp detail/*.cpp)
  list(FILTER sources EXCLUDE REGEX "/main\\.cpp$")
  if(sources)
    add_library(tdm_${name} STATIC ${sources})
    target_link_libraries(tdm_${name} PUBLIC ${links})
    target_precompile_headers(tdm_${name} REUSE_FROM tdm_pch_${kind})
  else()
    add_library(tdm_${name} INTERFACE)
    target_link_libraries(tdm_${name} INTERFACE ${links})
  endif()
  set_target_properties(tdm_${name} PROPERTIES TDM_KIND ${kind})
  tdm_room_tests(${name} ${kind})
endfunction()

# A program is a main and the rooms it wires together:
#
#   tdm_program(tdm main.cpp ROOMS app cli serve)
function(tdm_program name source)
  cmake_parse_arguments(PARSE_ARGV 2 program "" "" "ROOMS;LIBS")
  if(program_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "tdm_program(${name}): unknown argument ${program_UNPARSED_ARGUMENTS}")
  endif()
  list(TRANSFORM program_ROOMS PREPEND tdm_ OUTPUT_VARIABLE links)
  add_executable(${name} ${source})
  target_link_libraries(${name} PRIVATE tdm_options ${links} ${program_LIBS})
endfunction()
