// Marks functions that both the C++ compiler and nvcc compile: the same source on CPU and GPU.
#pragma once

#ifdef __CUDACC__
#define STRATA_HOST_DEVICE __host__ __device__
#else
#define STRATA_HOST_DEVICE
#endif
