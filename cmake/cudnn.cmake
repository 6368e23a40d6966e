# Finds cuDNN and its C++ headers (cudnn_frontend), which attention uses where they are, and sets PPRUN_CUDNN_FOUND and
# the target pprun_cudnn. Included after cuda.cmake. Pip's wheels nvidia-cudnn-cu13 and nvidia-cudnn-frontend have both;
# the development link libcudnn.so is not needed.
#
#   -DPPRUN_CUDNN=ON|OFF|AUTO       AUTO: where CUDA is built and all of it is found
#   -DPPRUN_CUDNN_FRONTEND=PATH     a folder with cudnn_frontend.h
#   -DCUDNN_ROOT=PATH               a folder with include/cudnn.h and lib/libcudnn.so.9
set(PPRUN_CUDNN_FOUND OFF)
if(NOT PPRUN_CUDNN)
  return()
endif()
if(NOT PPRUN_CUDA_FOUND)
  if(PPRUN_CUDNN STREQUAL "AUTO")
    return()
  endif()
  message(FATAL_ERROR "-DPPRUN_CUDNN=ON needs -DPPRUN_CUDA=ON")
endif()

# Where pip's wheels of this machine's Python have them.
find_package(Python3 COMPONENTS Interpreter QUIET)
if(Python3_FOUND)
  execute_process(COMMAND ${Python3_EXECUTABLE} -c "import nvidia.cudnn; print(list(nvidia.cudnn.__path__)[0])"
                  OUTPUT_VARIABLE cudnn_wheel OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
  execute_process(COMMAND ${Python3_EXECUTABLE} -c "from importlib.metadata import distribution as d; \
print(d('nvidia-cudnn-frontend').locate_file('include'))"
                  OUTPUT_VARIABLE frontend_wheel OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
endif()
set(cudnn_hints ${CUDNN_ROOT} $ENV{CUDNN_ROOT} $ENV{CUDNN_HOME} ${CUDAToolkit_LIBRARY_ROOT} ${CUDAToolkit_BIN_DIR}/..
                ${cudnn_wheel})
find_path(PPRUN_CUDNN_INCLUDE cudnn.h HINTS ${cudnn_hints} PATH_SUFFIXES include)
find_library(PPRUN_CUDNN_LIBRARY NAMES cudnn libcudnn.so.9 NAMES_PER_DIR HINTS ${cudnn_hints} PATH_SUFFIXES lib lib64)
find_path(PPRUN_CUDNN_FRONTEND cudnn_frontend.h HINTS ${frontend_wheel})

# version_of(RESULT FOLDER HEADER PREFIX): MAJOR.MINOR as the header defines it; 0 without the header.
function(version_of result folder header prefix)
  set(version 0)
  if(EXISTS "${folder}/${header}")
    file(STRINGS "${folder}/${header}" lines REGEX "^#define ${prefix}(MAJOR|MINOR)")
    if("${lines}" MATCHES "MAJOR[A-Z_]* ([0-9]+).*MINOR[A-Z_]* ([0-9]+)")
      set(version ${CMAKE_MATCH_1}.${CMAKE_MATCH_2})
    endif()
  endif()
  set(${result} ${version} PARENT_SCOPE)
endfunction()
version_of(cudnn_version "${PPRUN_CUDNN_INCLUDE}" cudnn_version.h CUDNN_)
version_of(frontend_version "${PPRUN_CUDNN_FRONTEND}" cudnn_frontend_version.h CUDNN_FRONTEND_)

# Plans for a GPU that is not there, which the tests make, are the newest of what is used.
if(NOT PPRUN_CUDNN_LIBRARY OR NOT TARGET CUDA::nvrtc OR cudnn_version VERSION_LESS 9.8 OR frontend_version VERSION_LESS
                                                                                         1.13)
  if(PPRUN_CUDNN STREQUAL "AUTO")
    return()
  endif()
  message(FATAL_ERROR "cuDNN 9.8 with libcudnn.so.9, cudnn_frontend 1.13 and NVRTC are needed, found are "
                      "${cudnn_version} (${PPRUN_CUDNN_LIBRARY}) and ${frontend_version}: give -DCUDNN_ROOT=PATH and "
                      "-DPPRUN_CUDNN_FRONTEND=PATH, or build without cuDNN by -DPPRUN_CUDNN=OFF")
endif()
add_library(pprun_cudnn INTERFACE)
target_include_directories(pprun_cudnn SYSTEM INTERFACE ${PPRUN_CUDNN_FRONTEND} ${PPRUN_CUDNN_INCLUDE}
                                                        ${CUDAToolkit_INCLUDE_DIRS})
# The headers also hold an engine of their own that calls NVRTC, which cuDNN loads in any case.
target_link_libraries(pprun_cudnn INTERFACE ${PPRUN_CUDNN_LIBRARY} CUDA::nvrtc CUDA::cudart_static)
set(PPRUN_CUDNN_FOUND ON)
