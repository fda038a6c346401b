void scale_pixels(const ScaledImage& image) {
  const uint8_t* __restrict from = image.from;
  float* __restrict to = image.to;
  const float scale = image.options.scale, offset = image.options.offset;
  for (int64_t i = 0; i < image.pixels; ++i)
    to[i] = kLanes == 4 ? image.values[from[i]]
                        : __builtin_fmaf(static_cast<float>(from[i]), scale, offset);
}
