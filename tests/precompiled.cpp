// Gives the precompiled headers of the tests (CMakeLists.txt) a target of their own.
