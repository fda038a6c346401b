// The inner loop of the CPU's products, compiled for each set of instructions.
#include "ops/cpu/gather_gemm.h"

#include "tests/support/compare.h"
#include "tests/support/instructions.h"

namespace strata::test {
namespace {

// A 40 x 600 block of a matrix of 700 columns, every second column, its rows in reverse.
constexpr int64_t kColumns = 700;

std::vector<int64_t> reversed_rows(int64_t count) {
  std::vector<int64_t> offsets;
  for (int64_t i = 0; i < count; ++i) offsets.push_back((count - 1 - i) * kColumns);
  return offsets;
}

std::vector<int64_t> every_second(int64_t count) {
  std::vector<int64_t> offsets;
  for (int64_t l = 0; l < count; ++l) offsets.push_back(2 * l);
  return offsets;
}

class GatherGemmTest : public testing::TestWithParam<Instructions> {};

TEST_P(GatherGemmTest, MatchesPlainLoops) {
  const InstructionsScope scope(GetParam());
  const int64_t c_stride = 37;
  const Tensor a = random_tensor({40, kColumns}, 1, -1, 1, DType::float32);
  const Tensor b = random_tensor({350, 32}, 2, -1, 1, DType::float32);
  const Tensor before = random_tensor({40, c_stride}, 3, -1, 1, DType::float32);
  for (const int64_t rows : {1, 2, 5, 6, 7, 8, 9, 15, 25, 40}) {
    for (const int64_t depth : {0, 1, 3, 256, 257, 350}) {
      for (int64_t columns = 1; columns <= cpu::panel_width(); ++columns) {
        for (const bool accumulate : {false, true}) {
          const auto row_offsets = reversed_rows(rows), depth_offsets = every_second(depth);
          const Tensor c = before.clone();
          cpu::gather_gemm({.a = a.data<float>(),
                            .row_offsets = row_offsets,
                            .depth_offsets = depth_offsets,
                            .b = b.data<float>(),
                            .b_stride = 32,
                            .c = c.data<float>(),
                            .c_stride = c_stride,
                            .columns = columns,
                            .accumulate = accumulate});
          std::vector<double> expected = values_of(before);  // what lies outside stays as it was
          for (int64_t i = 0; i < rows; ++i) {
            for (int64_t j = 0; j < columns; ++j) {
              double sum = accumulate ? expected[i * c_stride + j] : 0;
              for (int64_t l = 0; l < depth; ++l)
                sum += double{a.data<float>()[row_offsets[i] + depth_offsets[l]]} *
                       b.data<float>()[l * 32 + j];
              expected[i * c_stride + j] = sum;
            }
          }
          ASSERT_TRUE(close(c, expected)) << rows << " rows, depth " << depth << ", " << columns
                                          << " columns, accumulate " << accumulate;
        }
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Cpu, GatherGemmTest, testing::ValuesIn(all_instructions()),
                         [](const auto& info) { return std::string(name_of(info.param)); });

}  // namespace
}  // namespace strata::test
