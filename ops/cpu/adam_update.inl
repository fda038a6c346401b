// Copies of what does not change, and pointers that cannot meet, let the compiler use vectors.
void update_adam(const AdamRange& range) {
  const AdamRule adam = range.adam;
  const AdamRule::Scalars now = range.now;
  float* __restrict w = range.weights;
  float* __restrict m = range.first;
  float* __restrict v = range.second;
  const float* __restrict g = range.gradients;
  for (int64_t i = 0; i < range.count; ++i) adam.update(now, w[i], g[i], m[i], v[i]);
}
