// The main function of every test program, where Catch2 2.x does not bring a library with one.
#define CATCH_CONFIG_MAIN
#include <catch2/catch.hpp>
