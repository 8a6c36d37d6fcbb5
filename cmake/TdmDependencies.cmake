# What others wrote. Debian's libraries are found as installed; Arrow and DuckDB lie in .deps, where `./dev setup` put
# them. All of them are SYSTEM: their warnings are not ours. Rooms name them tdm::<library>.

find_package(Threads REQUIRED)
find_package(Boost 1.81 REQUIRED)
set(OPENSSL_USE_STATIC_LIBS TRUE)
find_package(OpenSSL 3 REQUIRED)
find_package(ZLIB REQUIRED)
find_package(fmt REQUIRED)
find_package(spdlog REQUIRED)
find_package(simdjson REQUIRED)
find_package(yaml-cpp REQUIRED)
find_package(CLI11 REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(GTest REQUIRED)

set(TDM_DEPS_DIR ${PROJECT_SOURCE_DIR}/.deps CACHE PATH "Where `./dev setup` put Arrow and DuckDB")

function(tdm_imported name library include)
  if(NOT EXISTS ${library})
    message(FATAL_ERROR "${library} is missing: run ./dev setup")
  endif()
  add_library(tdm::${name} SHARED IMPORTED GLOBAL)
  set_target_properties(tdm::${name} PROPERTIES IMPORTED_LOCATION ${library} INTERFACE_INCLUDE_DIRECTORIES ${include})
endfunction()

tdm_imported(arrow ${TDM_DEPS_DIR}/arrow/lib/libarrow.so.2600 ${TDM_DEPS_DIR}/arrow/include)
tdm_imported(parquet ${TDM_DEPS_DIR}/arrow/lib/libparquet.so.2600 ${TDM_DEPS_DIR}/arrow/include)
tdm_imported(duckdb ${TDM_DEPS_DIR}/duckdb/lib/libduckdb.so ${TDM_DEPS_DIR}/duckdb/include)
target_link_libraries(tdm::parquet INTERFACE tdm::arrow)
# libparquet brings an OpenSSL of its own and exports all of it. Whichever comes first in a process serves both, and half
# of one with half of the other crashes at the first https request. So ours is linked as a whole, before anything can be
# taken from there, and shown to nobody.
target_link_options(
  tdm::parquet INTERFACE LINKER:--whole-archive,${OPENSSL_SSL_LIBRARY},${OPENSSL_CRYPTO_LIBRARY},--no-whole-archive
                         LINKER:--exclude-libs,libssl.a:libcrypto.a)

# Debian's packages disagree about namespaces; the rooms need not know.
function(tdm_installed name)
  add_library(tdm::${name} INTERFACE IMPORTED GLOBAL)
  target_link_libraries(tdm::${name} INTERFACE ${ARGN})
endfunction()

tdm_installed(fmt fmt::fmt)
tdm_installed(spdlog spdlog::spdlog)
tdm_installed(simdjson simdjson::simdjson)
tdm_installed(yaml yaml-cpp)
tdm_installed(json nlohmann_json::nlohmann_json)
tdm_installed(cli11 CLI11::CLI11)
tdm_installed(zlib ZLIB::ZLIB)
tdm_installed(openssl OpenSSL::SSL OpenSSL::Crypto)

# Asio and Beast are header-only unless told otherwise, and then every source compiles them again. Here they are compiled
# once. The definitions must hold in every source that sees Asio, so they travel with the target.
add_library(tdm_boost STATIC ${PROJECT_SOURCE_DIR}/cmake/boost_separate_compilation.cpp)
add_library(tdm::boost ALIAS tdm_boost)
target_compile_definitions(
  tdm_boost PUBLIC BOOST_ASIO_SEPARATE_COMPILATION BOOST_BEAST_SEPARATE_COMPILATION BOOST_ASIO_NO_DEPRECATED
                   BOOST_ASIO_DISABLE_BOOST_COROUTINE)
target_link_libraries(tdm_boost PUBLIC Boost::headers OpenSSL::SSL OpenSSL::Crypto Threads::Threads)
