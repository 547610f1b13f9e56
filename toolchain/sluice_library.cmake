# sluice_library(NAME SOURCES… [COLD SOURCES…] [GUARDED SOURCES…] DEPS libraries…): a folder's library, sluice_NAME, with the
# project's warnings. What is cold runs seldom, and is compiled to be small. What is guarded is cold, handles text from outside,
# and keeps the stack protector; it would cost the rest instructions for each I/O, and 10 KiB. A debug build guards everything.
# Every library sees the headers as <sluice/kernel/…>, <sluice/drivers/…>, <sluice/fs/…>, and links its DEPS alone.

if(CMAKE_SYSTEM_NAME STREQUAL "Generic" AND CMAKE_SYSTEM_PROCESSOR STREQUAL "riscv64")
  set(SLUICE_BARE_METAL ON CACHE INTERNAL "")
else()
  set(SLUICE_BARE_METAL OFF CACHE INTERNAL "")
endif()

# Headers stand beside their sources; one folder of links makes them <sluice/…>.
set(SLUICE_INCLUDE_DIR "${PROJECT_BINARY_DIR}/include")
foreach(_folder boot kernel drivers fs)
  file(MAKE_DIRECTORY "${SLUICE_INCLUDE_DIR}/sluice")
  file(CREATE_LINK "${SLUICE_ROOT}/${_folder}" "${SLUICE_INCLUDE_DIR}/sluice/${_folder}" SYMBOLIC)
endforeach()

# What every source of the project is compiled with, and what a user's program needs to link with it.
add_library(sluice_flags INTERFACE)
add_library(sluice_warnings INTERFACE)
target_compile_features(sluice_flags INTERFACE cxx_std_23)
target_compile_options(sluice_warnings INTERFACE -Wall -Wextra -Wconversion -Wshadow)
if(SLUICE_WERROR)
  target_compile_options(sluice_warnings INTERFACE -Werror)
endif()

if(SLUICE_BARE_METAL)
  # -mtune=size: the costs that GCC weighs are then those of instructions, of which an I/O takes no more, and the image is 12 KiB smaller.
  # -malign-data=natural: strings begin anywhere, not at multiples of eight bytes: 5 KiB.
  target_compile_options(sluice_flags INTERFACE
    -march=rv64gc -mabi=lp64d -mcmodel=medany -mtune=size -malign-data=natural
    -ffreestanding -fbuiltin -fno-pic -fstack-protector-strong
    $<$<CONFIG:Release>:-flto> -ffunction-sections
    $<$<COMPILE_LANGUAGE:CXX>:-fno-exceptions -fno-rtti -fno-threadsafe-statics -fno-asynchronous-unwind-tables>)
  target_link_options(sluice_flags INTERFACE $<$<CONFIG:Release>:-flto;-flto-partition=one;-O2;-mtune=size;-malign-data=natural>)
elseif(SLUICE_SANITIZE)
  target_compile_options(sluice_flags INTERFACE -fsanitize=${SLUICE_SANITIZE} -fno-sanitize-recover=all
                                                -fno-omit-frame-pointer)
  target_link_options(sluice_flags INTERFACE -fsanitize=${SLUICE_SANITIZE})
elseif(SLUICE_COVERAGE)
  target_compile_options(sluice_flags INTERFACE -O0 --coverage)
  target_link_options(sluice_flags INTERFACE --coverage)
endif()

function(_sluice_release_options sources options)
  if(sources)
    set_source_files_properties(${sources} PROPERTIES COMPILE_OPTIONS "$<$<CONFIG:Release>:${options}>")
  endif()
endfunction()

function(sluice_library name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;COLD;GUARDED;DEPS")
  add_library(sluice_${name} STATIC ${arg_SOURCES} ${arg_COLD} ${arg_GUARDED})
  if(SLUICE_BARE_METAL)
    _sluice_release_options("${arg_SOURCES}" "-fno-stack-protector")
    _sluice_release_options("${arg_COLD}" "-Os;-fno-stack-protector")
    _sluice_release_options("${arg_GUARDED}" "-Os")
  endif()
  add_library(sluice::${name} ALIAS sluice_${name})
  set_target_properties(sluice_${name} PROPERTIES EXPORT_NAME ${name} CXX_EXTENSIONS ON)
  target_include_directories(sluice_${name} PUBLIC $<BUILD_INTERFACE:${SLUICE_INCLUDE_DIR}>
                                                   $<INSTALL_INTERFACE:include>)
  target_link_libraries(sluice_${name} PUBLIC sluice_flags ${arg_DEPS}
                                       PRIVATE $<BUILD_INTERFACE:sluice_warnings>)
  set_property(GLOBAL APPEND PROPERTY SLUICE_LIBRARIES sluice_${name})
endfunction()
