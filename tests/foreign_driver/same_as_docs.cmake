# docs/test-your-driver.md shows the very files that the test builds.
file(READ "${SOURCE}/docs/test-your-driver.md" page)
foreach(name CMakeLists.txt driver.hpp main.cpp)
  file(READ "${SOURCE}/tests/foreign_driver/project/${name}" text)
  string(FIND "${page}" "${text}" place)
  if(place EQUAL -1)
    message(FATAL_ERROR "docs/test-your-driver.md does not show tests/foreign_driver/project/${name} as it is")
  endif()
endforeach()
