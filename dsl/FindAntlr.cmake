# Finds the ANTLR 4 tool and its C++ runtime, and declares
#   antlr_runtime            an imported library; its headers count as the system's
#   ANTLR_TOOL               the command that generates a parser
find_program(ANTLR_TOOL NAMES antlr4 antlr)
if(NOT ANTLR_TOOL)
  message(FATAL_ERROR "the ANTLR 4 tool was not found: install the Debian packages `antlr4` and "
                      "`default-jre-headless`, or configure with -DPPRUN_COMPILER=OFF")
endif()
find_path(ANTLR_INCLUDE antlr4-runtime.h PATH_SUFFIXES antlr4-runtime)
find_library(ANTLR_LIBRARY antlr4-runtime)
if(NOT ANTLR_INCLUDE OR NOT ANTLR_LIBRARY)
  message(FATAL_ERROR "ANTLR's C++ runtime was not found: install the Debian package "
                      "`libantlr4-runtime-dev`, or configure with -DPPRUN_COMPILER=OFF")
endif()

add_library(antlr_runtime INTERFACE)
target_include_directories(antlr_runtime SYSTEM INTERFACE ${ANTLR_INCLUDE})
target_link_libraries(antlr_runtime INTERFACE ${ANTLR_LIBRARY})
# Its headers hold u8 literals as plain chars; the whole of a translation unit must agree on that.
target_compile_options(antlr_runtime INTERFACE -fno-char8_t)
