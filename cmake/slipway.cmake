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

# slipway_proto(NAME otlp PROTOS otlp.proto [GRPC]): static library `slipway_NAME_proto` of what protoc makes of the files of the
# current folder, included as "<folder below src>/otlp.pb.h"; with GRPC the services too, as "otlp.grpc.pb.h".
function(slipway_proto)
  cmake_parse_arguments(arg "GRPC" "NAME" "PROTOS" ${ARGN})
  set(generated ${CMAKE_BINARY_DIR}/proto)
  file(MAKE_DIRECTORY ${generated})
  file(RELATIVE_PATH folder ${CMAKE_SOURCE_DIR}/src ${CMAKE_CURRENT_SOURCE_DIR})
  set(sources)
  foreach(proto ${arg_PROTOS})
    string(REGEX REPLACE "\\.proto$" "" stem ${generated}/${folder}/${proto})
    add_custom_command(OUTPUT ${stem}.pb.cc ${stem}.pb.h
      COMMAND protobuf::protoc -I${CMAKE_SOURCE_DIR}/src --cpp_out=${generated} ${CMAKE_CURRENT_SOURCE_DIR}/${proto}
      DEPENDS ${proto} VERBATIM)
    list(APPEND sources ${stem}.pb.cc)
    if(arg_GRPC)
      add_custom_command(OUTPUT ${stem}.grpc.pb.cc ${stem}.grpc.pb.h
        COMMAND protobuf::protoc -I${CMAKE_SOURCE_DIR}/src --grpc_out=${generated}
          --plugin=protoc-gen-grpc=${GRPC_CPP_PLUGIN} ${CMAKE_CURRENT_SOURCE_DIR}/${proto}
        DEPENDS ${proto} VERBATIM)
      list(APPEND sources ${stem}.grpc.pb.cc)
    endif()
  endforeach()
  set(target slipway_${arg_NAME}_proto)
  add_library(${target} STATIC ${sources})
  target_compile_options(${target} PRIVATE -w)
  target_include_directories(${target} SYSTEM PUBLIC ${generated})
  target_link_libraries(${target} PUBLIC protobuf::libprotobuf)
  if(arg_GRPC)
    target_link_libraries(${target} PUBLIC PkgConfig::GRPC)
  endif()
endfunction()
