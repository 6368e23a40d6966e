# Finds nvcc and turns CUDA on: sets PPRUN_CUDA_FOUND, the language CUDA, the targets CUDA::..., and
# pprun_cuda_options. A driver or a GPU is not needed to build.
#
#   -DPPRUN_CUDA=ON|OFF|AUTO         AUTO: where nvcc is found, and nothing counts or sanitizes
#   -DCMAKE_CUDA_ARCHITECTURES=90    for one GPU alone, which is much faster to build
#   -DCMAKE_CUDA_COMPILER=PATH       an nvcc elsewhere
set(PPRUN_CUDA_FOUND OFF)
if(PPRUN_CUDA STREQUAL "AUTO" AND (PPRUN_SANITIZE OR PPRUN_COVERAGE OR PPRUN_FUZZERS))
  return()
endif()
if(NOT PPRUN_CUDA)
  return()
endif()

if(NOT CMAKE_CUDA_COMPILER)
  find_program(PPRUN_NVCC nvcc HINTS $ENV{CUDACXX} $ENV{CUDA_HOME}/bin $ENV{CUDA_PATH}/bin /usr/local/cuda/bin)
  if(PPRUN_NVCC)
    set(CMAKE_CUDA_COMPILER ${PPRUN_NVCC})
  elseif(PPRUN_CUDA STREQUAL "AUTO")
    return()
  else()
    message(FATAL_ERROR "nvcc was not found: put it on the PATH, or give -DCMAKE_CUDA_COMPILER=PATH, or build without "
                        "CUDA by -DPPRUN_CUDA=OFF")
  endif()
endif()
if(NOT DEFINED CMAKE_CUDA_ARCHITECTURES)
  # Ampere and Hopper, and code that drivers translate for whatever comes after.
  set(CMAKE_CUDA_ARCHITECTURES 80-real 90-real 90-virtual CACHE STRING "GPUs to build for")
endif()
if(CCACHE)
  set(CMAKE_CUDA_COMPILER_LAUNCHER ${CCACHE})
endif()
enable_language(CUDA)
find_package(CUDAToolkit REQUIRED)

# A toolkit without its libraries, or without their development links: pip's wheels of them have both.
include(${CMAKE_CURRENT_LIST_DIR}/nvidia_library.cmake)
foreach(library cublasLt nvrtc)
  if(TARGET CUDA::${library})
    continue()
  endif()
  pprun_find_library(${library} cu${CUDAToolkit_VERSION_MAJOR} ${library}.h
                     lib${library}.so.${CUDAToolkit_VERSION_MAJOR})
  if(PPRUN_${library}_INCLUDE AND PPRUN_${library}_LIBRARY)
    add_library(CUDA::${library} INTERFACE IMPORTED)
    target_include_directories(CUDA::${library} SYSTEM INTERFACE ${PPRUN_${library}_INCLUDE})
    target_link_libraries(CUDA::${library} INTERFACE ${PPRUN_${library}_LIBRARY})
  endif()
endforeach()
if(NOT TARGET CUDA::cublasLt)
  message(FATAL_ERROR "cuBLASLt was not found: install CUDA's libraries or pip's wheel nvidia-cublas, give \
-DcublasLt_ROOT=PATH, or build without CUDA by -DPPRUN_CUDA=OFF")
endif()

if(NOT CMAKE_CUDA20_STANDARD_COMPILE_OPTION)
  # CMake 3.25 does not know that nvcc has C++20.
  set(CMAKE_CUDA20_STANDARD_COMPILE_OPTION -std=c++20)
  set(CMAKE_CUDA20_EXTENSION_COMPILE_OPTION -std=c++20)
endif()

# In device code, and in what nvcc hands to the host compiler.
set(pprun_cuda_options -Xcompiler=-Wall,-Wextra,-Wno-missing-field-initializers)
if(PPRUN_WERROR)
  list(APPEND pprun_cuda_options -Werror=all-warnings -Xcompiler=-Werror)
endif()
set(PPRUN_CUDA_FOUND ON)
