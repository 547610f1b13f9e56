# `cmake --install`: libraries, headers, linker script and the functions above, for find_package(sluice).
include(CMakePackageConfigHelpers)

set(_package lib/cmake/sluice)
get_property(_libraries GLOBAL PROPERTY SLUICE_LIBRARIES)
install(TARGETS ${_libraries} sluice_flags EXPORT sluice ARCHIVE DESTINATION lib)
install(EXPORT sluice DESTINATION ${_package} NAMESPACE sluice:: FILE sluiceTargets.cmake)
foreach(_folder boot kernel drivers fs)
  install(DIRECTORY "${SLUICE_ROOT}/${_folder}" DESTINATION include/sluice FILES_MATCHING PATTERN *.hpp)
endforeach()
install(FILES "${SLUICE_ROOT}/linker.ld" "${SLUICE_ROOT}/toolchain/riscv64.cmake"
              "${SLUICE_ROOT}/toolchain/sluice_image.cmake" "${SLUICE_ROOT}/toolchain/check_image.cmake"
              "${SLUICE_ROOT}/toolchain/name_table.py"
        DESTINATION ${_package})
configure_package_config_file("${SLUICE_ROOT}/toolchain/sluiceConfig.cmake.in" "${PROJECT_BINARY_DIR}/sluiceConfig.cmake"
                              INSTALL_DESTINATION ${_package})
write_basic_package_version_file("${PROJECT_BINARY_DIR}/sluiceConfigVersion.cmake" COMPATIBILITY SameMinorVersion)
install(FILES "${PROJECT_BINARY_DIR}/sluiceConfig.cmake" "${PROJECT_BINARY_DIR}/sluiceConfigVersion.cmake"
        DESTINATION ${_package})
