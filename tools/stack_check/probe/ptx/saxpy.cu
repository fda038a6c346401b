// The one kernel that the program has as PTX only: the build embeds the text that nvcc makes of it,
// and the driver must compile it.
extern "C" __global__ void saxpy_from_ptx(const float* x, float* y, int count) {
  const int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < count) y[i] += 2 * x[i];
}
