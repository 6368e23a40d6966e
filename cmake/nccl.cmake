# Finds NCCL, which several GPUs need, and sets PPRUN_NCCL_FOUND and the target pprun_nccl. Included after
# cuda.cmake. The development link libnccl.so is not needed: pip's wheels have libnccl.so.2 alone.
#
#   -DPPRUN_NCCL=ON|OFF|AUTO   AUTO: where CUDA is built and NCCL is found
#   -DNCCL_ROOT=PATH           a folder with include/nccl.h and lib/libnccl.so.2
set(PPRUN_NCCL_FOUND OFF)
if(NOT PPRUN_NCCL)
  return()
endif()
if(NOT PPRUN_CUDA_FOUND)
  if(PPRUN_NCCL STREQUAL "AUTO")
    return()
  endif()
  message(FATAL_ERROR "-DPPRUN_NCCL=ON needs -DPPRUN_CUDA=ON")
endif()

# Where pip's wheels of this machine's Python have it.
find_package(Python3 COMPONENTS Interpreter QUIET)
if(Python3_FOUND)
  execute_process(COMMAND ${Python3_EXECUTABLE} -c "import nvidia.nccl; print(list(nvidia.nccl.__path__)[0])"
                  OUTPUT_VARIABLE nccl_wheel OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
endif()
set(nccl_hints ${NCCL_ROOT} $ENV{NCCL_ROOT} $ENV{NCCL_HOME} ${CUDAToolkit_LIBRARY_ROOT} ${CUDAToolkit_BIN_DIR}/..
               ${nccl_wheel})
find_path(PPRUN_NCCL_INCLUDE nccl.h HINTS ${nccl_hints} PATH_SUFFIXES include)
find_library(PPRUN_NCCL_LIBRARY NAMES nccl libnccl.so.2 NAMES_PER_DIR HINTS ${nccl_hints} PATH_SUFFIXES lib lib64)
if(NOT PPRUN_NCCL_INCLUDE OR NOT PPRUN_NCCL_LIBRARY)
  if(PPRUN_NCCL STREQUAL "AUTO")
    return()
  endif()
  message(FATAL_ERROR "nccl.h and libnccl.so.2 were not found: give -DNCCL_ROOT=PATH, or build without NCCL by "
                      "-DPPRUN_NCCL=OFF")
endif()
add_library(pprun_nccl INTERFACE)
target_include_directories(pprun_nccl SYSTEM INTERFACE ${PPRUN_NCCL_INCLUDE} ${CUDAToolkit_INCLUDE_DIRS})
target_link_libraries(pprun_nccl INTERFACE ${PPRUN_NCCL_LIBRARY} CUDA::cudart_static)
set(PPRUN_NCCL_FOUND ON)
