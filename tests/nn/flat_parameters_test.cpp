#include "nn/flat_parameters.h"

#include "nn/activations.h"
#include "nn/dense.h"
#include "nn/sequential.h"
#include "tensor/autograd.h"
#include "tensor/pool.h"
#include "tests/support/rungs.h"

namespace strata::test {
namespace {

/// y = Dense(x), with a second layer that a switch leaves out.
class Partly : public nn::Module {
 public:
  explicit Partly(nn::Builder& builder) : used_(builder, 3, 2), spare_(builder, 2, 2) {
    add_child("used", used_);
    add_child("spare", spare_);
  }
  Tensor forward(const Tensor& input) override {
    const Tensor output = used_(input);
    return with_spare ? spare_(output) : output;
  }
  std::string description() const override { return "Partly"; }
  bool with_spare = false;

 private:
  nn::Dense used_, spare_;
};

class FlatParametersTest : public RungTest {
 protected:
  Tensor ones(const Shape& shape) const { return Tensor::full(shape, 1, DType::float32, device()); }
};
STRATA_ON_EVERY_RUNG(FlatParametersTest);

TEST_P(FlatParametersTest, KeepsTheValuesAndAlignsThem) {
  nn::Builder builder{.device = device(), .seed = 4};
  Partly model(builder);
  std::vector<Tensor> before;
  for (const auto& parameter : model.parameters()) before.push_back(parameter.tensor->clone());
  nn::FlatParameters flat(model);
  ASSERT_EQ(flat.parameters().size(), 4u);
  EXPECT_EQ(flat.values().shape(), Shape({4 * 64}));
  EXPECT_EQ(flat.parameters()[2].name, "spare.weight");
  for (size_t i = 0; i < before.size(); ++i) {
    const Tensor& now = *model.parameters()[i].tensor;
    EXPECT_TRUE(identical(now, before[i]));
    EXPECT_TRUE(now.shares_memory_with(flat.values()));
    EXPECT_TRUE(now.requires_grad());
    EXPECT_EQ(now.location().address,
              flat.values().view({1}, static_cast<int64_t>(64 * i)).location().address);
  }
}

TEST_P(FlatParametersTest, BackwardWritesIntoTheFlatBuffer) {
  nn::Builder builder{.device = device(), .seed = 4};
  Partly model(builder);
  nn::FlatParameters flat(model);
  for (int pass = 0; pass < 2; ++pass) {
    flat.zero_grad();
    backward(model(ones({1, 3})), ones({1, 2}));
    const Tensor& weight = *flat.parameters()[0].tensor;
    EXPECT_EQ(weight.record()->grad.location().address, flat.gradients().location().address);
    EXPECT_TRUE(close(weight.grad(), {1, 1, 1, 1, 1, 1}));
  }
  // the weight's 6 elements and the bias's 2 at element 64; all else is padding or unused
  const std::vector<float> all = flat.gradients().to_vector<float>();
  for (size_t i = 0; i < all.size(); ++i)
    EXPECT_EQ(all[i], i < 6 || i == 64 || i == 65 ? 1.0f : 0.0f) << i;
}

TEST_P(FlatParametersTest, PassesAddUpUntilZeroGrad) {
  nn::Builder builder{.device = device(), .seed = 4};
  Partly model(builder);
  nn::FlatParameters flat(model);
  for (int pass = 0; pass < 3; ++pass) backward(model(ones({1, 3})), ones({1, 2}));
  EXPECT_TRUE(close(flat.gradients().view({6}, 0), std::vector<double>(6, 3.0)));
}

TEST_P(FlatParametersTest, AParameterOfAnEarlierStepDoesNotKeepItsGradient) {
  nn::Builder builder{.device = device(), .seed = 4};
  Partly model(builder);
  nn::FlatParameters flat(model);
  model.with_spare = true;
  backward(model(ones({1, 3})), ones({1, 2}));
  EXPECT_TRUE(close(flat.gradients().view({2}, 3 * 64), {1, 1}));
  model.with_spare = false;
  flat.zero_grad();
  backward(model(ones({1, 3})), ones({1, 2}));
  EXPECT_TRUE(
      close(flat.gradients().view({2 * 64}, 2 * 64), std::vector<double>(128, 0.0), kExact));
}

TEST_P(FlatParametersTest, IsBookedAsWeightsAndGradients) {
  nn::Builder builder{.device = device(), .seed = 4};
  Partly model(builder);
  const auto of = [&](MemoryUse use) {
    return pool_of(device()).report().in_use[static_cast<int>(use)];
  };
  const size_t weights = of(MemoryUse::weights), gradients = of(MemoryUse::gradients);
  nn::FlatParameters flat(model);
  EXPECT_EQ(of(MemoryUse::gradients) - gradients, flat.gradients().bytes());
  // The four tensors that the layers had, 512 bytes each at least, are returned.
  EXPECT_EQ(of(MemoryUse::weights), weights + flat.values().bytes() - 4 * 512);
}

TEST(FlatParametersSelectionTest, TrainsAModuleOnceAndLeavesOutWhatIsFrozen) {
  struct Twice : nn::Module {
    explicit Twice(nn::Builder& builder) : layer(builder, 2, 2) {
      add_child("a", layer);
      add_child("b", layer);
    }
    Tensor forward(const Tensor& input) override { return layer(layer(input)); }
    std::string description() const override { return "Twice"; }
    nn::Dense layer;
  };
  nn::Builder builder;
  Twice model(builder);
  model.parameters()[1].tensor->set_requires_grad(false);
  nn::FlatParameters flat(model);
  ASSERT_EQ(flat.parameters().size(), 1u);
  EXPECT_EQ(flat.parameters()[0].name, "a.weight");
}

TEST(FlatParametersErrorTest, SomethingMustBeThereToTrain) {
  nn::ReLU model;
  EXPECT_TRUE(fails("nothing to train", [&] { nn::FlatParameters flat(model); }));
}

}  // namespace
}  // namespace strata::test
