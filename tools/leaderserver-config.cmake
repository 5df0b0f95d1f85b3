# find_package(leaderserver) gives the target leaderserver::leaderserver (the shared library), and,
# where it is installed, leaderserver::static.

get_filename_component(_leaderserver_lib "${CMAKE_CURRENT_LIST_DIR}/../.." ABSOLUTE)
get_filename_component(_leaderserver_prefix "${_leaderserver_lib}/.." ABSOLUTE)

if(NOT TARGET leaderserver::leaderserver)
  add_library(leaderserver::leaderserver SHARED IMPORTED)
  set_target_properties(leaderserver::leaderserver PROPERTIES
    IMPORTED_LOCATION "${_leaderserver_lib}/libleaderserver.so"
    IMPORTED_SONAME "libleaderserver.so.0"
    INTERFACE_INCLUDE_DIRECTORIES "${_leaderserver_prefix}/include")
endif()

if(NOT TARGET leaderserver::static AND EXISTS "${_leaderserver_lib}/libleaderserver.a")
  add_library(leaderserver::static STATIC IMPORTED)
  set_target_properties(leaderserver::static PROPERTIES
    IMPORTED_LOCATION "${_leaderserver_lib}/libleaderserver.a"
    IMPORTED_LINK_INTERFACE_LANGUAGES "C"
    INTERFACE_LINK_LIBRARIES "gcc_s;pthread;dl;rt;m"
    INTERFACE_INCLUDE_DIRECTORIES "${_leaderserver_prefix}/include")
endif()
