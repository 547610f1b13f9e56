# docs/your-own-image.md shows the very files that the tests build.
file(READ "${SOURCE}/docs/your-own-image.md" page)
foreach(name CMakeLists.txt main.cpp)
  file(READ "${SOURCE}/tests/own_image/hello/${name}" text)
  string(FIND "${page}" "${text}" place)
  if(place EQUAL -1)
    message(FATAL_ERROR "docs/your-own-image.md does not show tests/own_image/hello/${name} as it is")
  endif()
endforeach()
