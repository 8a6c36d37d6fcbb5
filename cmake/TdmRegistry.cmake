# The lists of what is built in. The name in the list is the folder, the namespace, the value in YAML and the value in the
# API, so a fourth exchange is one folder and one word. A generated source names them all: from a static library, objects
# that register themselves would silently vanish at link time.

function(tdm_registry)
  cmake_parse_arguments(PARSE_ARGV 0 registry "" "PARENT;PLURAL;MODULE" "NAMES")
  file(GLOB found RELATIVE ${CMAKE_CURRENT_SOURCE_DIR} CONFIGURE_DEPENDS */CMakeLists.txt)
  list(TRANSFORM found REPLACE "/CMakeLists.txt$" "")
  list(SORT found)
  set(listed ${registry_NAMES})
  list(SORT listed)
  if(NOT "${found}" STREQUAL "${listed}")
    message(FATAL_ERROR "tdm_${registry_PLURAL}(${listed}) does not name the folders of ${CMAKE_CURRENT_SOURCE_DIR}: ${found}")
  endif()

  set(declarations "")
  set(entries "")
  foreach(name IN LISTS registry_NAMES)
    add_subdirectory(${name})
    string(APPEND declarations "namespace ${name} { const ::tdm::${registry_PARENT}::${registry_MODULE}& module(); }\n")
    string(APPEND entries "      &${name}::module(),\n")
  endforeach()
  list(TRANSFORM registry_NAMES PREPEND tdm_${registry_PARENT}_ OUTPUT_VARIABLE links)

  string(REGEX REPLACE "s$" "" singular ${registry_PLURAL})
  set(source ${PROJECT_BINARY_DIR}/generated/${registry_PLURAL}.cpp)
  configure_file(${PROJECT_SOURCE_DIR}/cmake/registry.cpp.in ${source} @ONLY)
  add_library(tdm_${registry_PLURAL} STATIC ${source})
  target_link_libraries(tdm_${registry_PLURAL} PUBLIC tdm_${registry_PARENT} PRIVATE ${links})
  get_target_property(kind tdm_${registry_PARENT} TDM_KIND)
  set_target_properties(tdm_${registry_PLURAL} PROPERTIES TDM_KIND ${kind})
endfunction()

# tdm_exchanges(bybit): in src/tdm/sources, one folder per exchange.
function(tdm_exchanges)
  tdm_registry(PARENT sources PLURAL exchanges MODULE ExchangeModule NAMES ${ARGN})
endfunction()

# tdm_backends(duckdb): in src/tdm/store, one folder per storage backend.
function(tdm_backends)
  tdm_registry(PARENT store PLURAL backends MODULE BackendModule NAMES ${ARGN})
endfunction()
