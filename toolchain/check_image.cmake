# Checks an image after it was linked: its lowest load address is _start, and it holds no floating-point instruction.
# Called with IMAGE and OBJDUMP.
execute_process(COMMAND ${OBJDUMP} -p ${IMAGE} OUTPUT_VARIABLE headers COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND ${OBJDUMP} -t ${IMAGE} OUTPUT_VARIABLE symbols COMMAND_ERROR_IS_FATAL ANY)
string(REGEX MATCHALL "LOAD off +0x[0-9a-f]+ vaddr 0x[0-9a-f]+" loads "${headers}")
list(TRANSFORM loads REPLACE ".*vaddr 0x" "")
list(SORT loads)
list(GET loads 0 lowest)
string(REGEX MATCH "([0-9a-f]+)[^\n]* _start\n" _ "${symbols}")
if(NOT lowest STREQUAL CMAKE_MATCH_1)
  message(FATAL_ERROR "${IMAGE}: the lowest load address is 0x${lowest}, but _start is at 0x${CMAKE_MATCH_1}: "
                      "QEMU's firmware enters the lowest one. Link with linker.ld.")
endif()

execute_process(COMMAND ${OBJDUMP} -d --no-show-raw-insn ${IMAGE} OUTPUT_VARIABLE code COMMAND_ERROR_IS_FATAL ANY)
string(REGEX MATCH "\n[^\n]*\t(f(l|s)[hwdq]|fmv\\.[a-z]|f[a-z]+\\.[sdqh]|c\\.f[ls][wd]?)[^\n]*" instruction "${code}")
if(instruction)
  message(FATAL_ERROR "${IMAGE}: a floating-point instruction (the kernel does not keep those registers):${instruction}")
endif()
