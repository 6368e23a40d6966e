// A CUDA driver without a GPU: takes every kernel and runs none, which is all that cuDNN asks of a
// driver to make a plan. CMakeLists.txt gives the one function the names of those that cuDNN looks
// up, and the library the name libcuda.so.1, for cudnn_plans_test alone.
extern "C" int DriverSucceeds() { return 0; }
