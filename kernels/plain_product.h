// A matrix product in one thread and without a library: what attention is made of, and the
// reference for the library. Every element of C is one sum in ascending k, whatever the sizes, so
// splitting m or n changes no bits. About half to two thirds of the machine's peak for matrices of
// a few hundred rows. Tests: linear_algebra_test.cc.
#pragma once

#include "kernels/linear_algebra.h"

namespace pprun::kernels {

// The sum starts from the bias (null: zero) or, accumulating, from C. With both, from C plus the
// bias.
void MultiplyPlain(const Product& product, const float* a, const float* b, const float* bias,
                   float* c);

}  // namespace pprun::kernels
