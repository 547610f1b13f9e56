# Bare-metal RISC-V: finds a GNU compiler whose C++ library has <expected>, the newest header used.
# Used by the presets riscv64 and riscv64-debug, and by a user's own project (docs/your-own-image.md).
set(CMAKE_SYSTEM_NAME Generic)
set(CMAKE_SYSTEM_PROCESSOR riscv64)
set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY)

set(_sluice_target_flags -march=rv64gc -mabi=lp64d -mcmodel=medany -ffreestanding -fno-pic)

if(NOT DEFINED CACHE{SLUICE_CROSS_PREFIX})
  set(_tried "")
  foreach(_prefix riscv64-linux-gnu- riscv64-unknown-linux-gnu- riscv64-unknown-elf- riscv64-elf-
                  riscv-none-elf-)
    find_program(_gxx NAMES ${_prefix}g++ NO_CACHE)
    if(NOT _gxx)
      unset(_gxx)
      continue()
    endif()
    execute_process(
      COMMAND sh -c "printf '#include <expected>\\nstd::expected<int, int> x;\\n' |\
        '${_gxx}' -std=c++23 -march=rv64gc -mabi=lp64d -ffreestanding -fsyntax-only -x c++ -"
      RESULT_VARIABLE _status OUTPUT_QUIET ERROR_QUIET)
    if(_status EQUAL 0)
      set(SLUICE_CROSS_PREFIX ${_prefix} CACHE STRING "Prefix of the RISC-V GNU tools")
      break()
    endif()
    message(STATUS "Passing over ${_gxx}: it cannot include <expected> (no C++23 library)")
    string(APPEND _tried " ${_gxx}")
    unset(_gxx)
  endforeach()
  if(NOT DEFINED CACHE{SLUICE_CROSS_PREFIX})
    message(FATAL_ERROR "No usable RISC-V C++ compiler (tried:${_tried}). "
                        "Install g++-riscv64-linux-gnu (GCC 12 or newer).")
  endif()
endif()

set(CMAKE_C_COMPILER ${SLUICE_CROSS_PREFIX}gcc)
set(CMAKE_CXX_COMPILER ${SLUICE_CROSS_PREFIX}g++)
set(CMAKE_ASM_COMPILER ${SLUICE_CROSS_PREFIX}gcc)
set(CMAKE_AR ${SLUICE_CROSS_PREFIX}gcc-ar CACHE STRING "")
set(CMAKE_RANLIB ${SLUICE_CROSS_PREFIX}gcc-ranlib CACHE STRING "")
set(CMAKE_OBJDUMP ${SLUICE_CROSS_PREFIX}objdump CACHE STRING "")
set(CMAKE_OBJCOPY ${SLUICE_CROSS_PREFIX}objcopy CACHE STRING "")

list(JOIN _sluice_target_flags " " _sluice_target_flags)
set(CMAKE_ASM_FLAGS_INIT "${_sluice_target_flags}")
set(CMAKE_CXX_FLAGS_INIT "${_sluice_target_flags}")
set(CMAKE_CXX_FLAGS_RELEASE "-O2 -g" CACHE STRING "")

set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
