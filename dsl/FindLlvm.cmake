# Finds LLVM 14 to 19 and declares llvm_support, its support library: statically linked where the
# static library is installed (starts ten times faster than the shared libLLVM).
# LLVM's package looks for its own dependencies by compiling C.
enable_language(C)
foreach(version 14 15 16 17 18 19)
  if(NOT LLVM_FOUND)
    find_package(LLVM ${version} CONFIG QUIET HINTS /usr/lib/llvm-${version})
  endif()
endforeach()
if(NOT LLVM_FOUND)
  message(FATAL_ERROR "LLVM (14 to 19) was not found: install the Debian package `llvm-14-dev` (any of 14 to 19 "
                      "serves), or configure with -DPPRUN_COMPILER=OFF")
endif()
message(STATUS "LLVM ${LLVM_PACKAGE_VERSION} in ${LLVM_DIR}")

add_library(llvm_support INTERFACE)
target_include_directories(llvm_support SYSTEM INTERFACE ${LLVM_INCLUDE_DIRS})
if(TARGET LLVMSupport)
  target_link_libraries(llvm_support INTERFACE LLVMSupport)
else()
  target_link_libraries(llvm_support INTERFACE LLVM)
endif()
