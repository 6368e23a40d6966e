// A CUDA driver without a GPU: takes every kernel and runs none, which is all that cuDNN asks of a
// driver to make a plan. CMakeLists.txt gives DriverSucceeds the names of the other functions that
// cuDNN looks up, and the library the name libcuda.so.1, for cudnn_plans_test alone.
namespace {

// What handles point to; nothing is read from there.
char object = 0;

}  // namespace

extern "C" {

int DriverSucceeds() { return 0; }

int cuLibraryLoadData(void** library) {
  *library = &object;
  return 0;
}

int cuLibraryGetKernel(void** kernel) {
  *kernel = &object;
  return 0;
}
}
