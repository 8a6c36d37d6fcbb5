# The lists of what is built in. The name in the list is the folder, the namespace, the value in YAML and the value in the
# API, so a fourth exchange is one folder and one word. A generated source names them all: from a static library, objects
# that register themselves would silently vanish at link time.

# BESIDE names a registry whose names come before: this one is then another, tdm_<plural>_<names>, for a program that has
# both (tests/fourth_exchange).
function(tdm_registry)
  cmake_parse_arguments(PARSE_ARGV 0 registry "" "PARENT;PLURAL;MODULE;BESIDE" "NAMES")
  file(GLOB found RELATIVE ${CMAKE_CURRENT_SOURCE_DIR} CONFIGURE_DEPENDS */CMakeLists.txt)
  list(TRANSFORM found REPLACE "/CMakeLists.txt$" "")
  list(SORT found)
  set(listed ${registry_NAMES})
  list(SORT listed)
  if(NOT "${found}" STREQUAL "${listed}")
    message(FATAL_ERROR "tdm_${registry_PLURAL}(${listed}) does not name the folders of ${CMAKE_CURRENT_SOURCE_DIR}: ${found}")
  endif()

  foreach(name IN LISTS registry_NAMES)
    add_subdirectory(${name})
  endforeach()
  set(target tdm_${registry_PLURAL})
  set(names ${registry_NAMES})
  if(registry_BESIDE)
    list(JOIN registry_NAMES _ suffix)
    string(APPEND target _${suffix})
    get_target_property(names ${registry_BESIDE} TDM_NAMES)
    list(APPEND names ${registry_NAMES})
  endif()

  set(declarations "")
  set(entries "")
  foreach(name IN LISTS names)
    string(APPEND declarations "namespace ${name} { const ::tdm::${registry_PARENT}::${registry_MODULE}& module(); }\n")
    string(APPEND entries "      &${name}::module(),\n")
  endforeach()
  list(TRANSFORM names PREPEND tdm_${registry_PARENT}_ OUTPUT_VARIABLE links)

  string(REGEX REPLACE "s$" "" singular ${registry_PLURAL})
  set(source ${PROJECT_BINARY_DIR}/generated/${target}.cpp)
  configure_file(${PROJECT_SOURCE_DIR}/cmake/registry.cpp.in ${source} @ONLY)
  add_library(${target} STATIC ${source})
  target_link_libraries(${target} PUBLIC tdm_${registry_PARENT} PRIVATE ${links})
  get_target_property(kind tdm_${registry_PARENT} TDM_KIND)
  set_target_properties(${target} PROPERTIES TDM_KIND "${kind}" TDM_NAMES "${names}")
endfunction()

# tdm_exchanges(bybit): in src/tdm/sources, one folder per exchange.
function(tdm_exchanges)
  cmake_parse_arguments(PARSE_ARGV 0 exchanges "" "BESIDE" "")
  tdm_registry(PARENT sources PLURAL exchanges MODULE ExchangeModule BESIDE "${exchanges_BESIDE}"
               NAMES ${exchanges_UNPARSED_ARGUMENTS})
endfunction()

# tdm_backends(duckdb): in src/tdm/store, one folder per storage backend.
function(tdm_backends)
  tdm_registry(PARENT store PLURAL backends MODULE BackendModule NAMES ${ARGN})
endfunction()
