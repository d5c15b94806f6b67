# slipway_library(NAME base SOURCES a.cc b.cc TESTS a_test.cc DEPS slipway_x LIBS fmt::fmt TEST_LIBS ...)
#
# One static library `slipway_NAME` and, with TESTS, one test binary `NAME_test` registered with ctest. All share the one
# precompiled header, slipway_pch. DEPS and LIBS are public, PRIVATE_LIBS stay inside.
function(slipway_library)
  cmake_parse_arguments(arg "" "NAME" "SOURCES;TESTS;DEPS;LIBS;PRIVATE_LIBS;TEST_LIBS" ${ARGN})
  if(arg_UNPARSED_ARGUMENTS)
    message(FATAL_ERROR "slipway_library(${arg_NAME}): unknown ${arg_UNPARSED_ARGUMENTS}")
  endif()
  set(target slipway_${arg_NAME})
  add_library(${target} STATIC ${arg_SOURCES})
  target_include_directories(${target} PUBLIC ${CMAKE_SOURCE_DIR}/src)
  target_link_libraries(${target} PUBLIC ${arg_DEPS} ${arg_LIBS} PRIVATE ${arg_PRIVATE_LIBS})
  target_precompile_headers(${target} REUSE_FROM slipway_pch)
  if(arg_TESTS)
    add_executable(${arg_NAME}_test ${arg_TESTS})
    target_link_libraries(${arg_NAME}_test PRIVATE ${target} ${arg_TEST_LIBS} GTest::gmock GTest::gtest_main)
    target_precompile_headers(${arg_NAME}_test REUSE_FROM slipway_pch)
    add_test(NAME ${arg_NAME} COMMAND ${arg_NAME}_test)
    set_tests_properties(${arg_NAME} PROPERTIES TIMEOUT 300)
  endif()
endfunction()

# A room is a library above store/; see the folder's README.
function(slipway_room)
  slipway_library(${ARGN})
endfunction()
