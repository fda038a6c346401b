// The failure modes of the layers above the driver's library, over stand-ins that compute on the
// host: a build with GPU code, but no GPU.
#include <filesystem>

#include "tests/stack_check/failure_mode.h"

namespace strata::test {
namespace {

namespace fs = std::filesystem;

// Layers that --quick leaves out cost seconds: theirs are scripts.
constexpr const char* kOps =
    R"(echo '{"facts":{"gpu_code":true,"device":"fake","ops":[)"
    R"({"op":"conv2d","rung":"own","output_error":1e-7,"gradient_error":2e-7,"tolerance":2e-5}]}}' >&3)";

std::string training(const std::string& changes) {
  return R"(cat >&3 <<'END'
{"facts":{"gpu_code":true,"data":"digits","steps":47,"first_losses":[2.3,2.2],"first_losses_cpu":[2.3,2.2],"loss":0.15,"accuracy":95.5,"same_bits":true}}
{"facts":{)" +
         changes + "}}\nEND";
}

/// Both layers are played, the one that a test is about last.
void play(FakeStack& stack, const std::string& ops, const std::string& train) {
  stack.script("ops", ops + "\nexit 0\nfi\nif [ \"$1\" = training ]; then\n" + train);
}

void healthy_framework(FakeStack& stack) {
  play(stack, kOps, training(""));
}

void two_gpus(FakeStack& stack) {
  stack.add_gpu();
}

/// A file of cuDNN goes to another folder that the loader looks into later.
void move_away(FakeStack& stack, const std::string& soname) {
  const fs::path elsewhere = stack.folder("elsewhere");
  fs::rename(stack.libraries() / soname, elsewhere / soname);
  stack.environment["LD_LIBRARY_PATH"] = stack.libraries().string() + ":" + elsewhere.string();
}

Change order(const std::string& call) {
  return [=](FakeStack& stack) { add_order(stack, call); };
}
Change set(const std::string& variable, const std::string& value) {
  return [=](FakeStack& stack) { stack.environment[variable] = value; };
}
Change without(const std::string& soname) {
  return [=](FakeStack& stack) { stack.remove(soname); };
}

const std::vector<std::string> kMeasuring = {"--to", "cudnn"};
const std::vector<std::string> kToNccl = {"--to", "nccl"};

const std::vector<FailureMode> kRuntime = {
    {"4-OLDDRV", "", 14, "cu126", set("FAKE_DRIVER_CUDA", "12080")},
    {"4-NOKERNEL", "card", 14, "-DCMAKE_CUDA_ARCHITECTURES=native", set("FAKE_CC", "120")},
    {"4-NOKERNEL", "code", 14, "-DCMAKE_CUDA_ARCHITECTURES=native", order("saxpy=209")},
    {"4-PTX", "", 1, "-DCMAKE_CUDA_ARCHITECTURES=native", order("saxpy_from_ptx=222")},
    {"4-NOJIT", "", 1, "NVIDIA_DRIVER_CAPABILITIES=compute,utility", order("saxpy_from_ptx=221")},
    {"4-NOCUDART", "", 0, "nvidia-cuda-runtime", without("libcudart.so.13")},
    {"4-CONFUSED", "", 0, "export PATH=/usr/local/cuda-13.0/bin:$PATH",
     [](FakeStack& stack) {
       stack.machine.file("/usr/local/cuda/include/cuda.h", "#define CUDA_VERSION 12080\n");
     }},
    {"1-ECC", "launch", 11, "sudo nvidia-smi --gpu-reset -i 0", order("saxpy=214")},
    {"3-OOM", "runtime", 13, "ulimit -v unlimited", order("cudaMalloc=2")},
    {"3-BUSY", "runtime", 13, "sudo nvidia-smi -c 0", order("cudaSetDevice=46")},
    {"ANY-WRONG", "kernel", 14, "nvidia-smi -q -d ECC,ROW_REMAPPER", set("FAKE_WRONG", "saxpy")},
    {"ANY-HANG",
     "kernel",
     14,
     "nvidia-smi",
     order("saxpy=hang"),
     {},
     {"--quick", "--timeout", "2"}},
    {"ANY-SLOW",
     "memory",
     1,
     "nvidia-smi -q -d PERFORMANCE,CLOCK",
     set("FAKE_SLOW", "memory"),
     {},
     kMeasuring},
};

const std::vector<FailureMode> kCublas = {
    {"5-INIT", "", 15, "nvidia-smi", order("cublasCreate_v2=1")},
    {"5-LTMIX", "foreign", 15, "unset LD_LIBRARY_PATH",
     [](FakeStack& stack) { stack.replace("libcublasLt.so.13", "foreign"); }},
    {"5-LTMIX", "folder", 1, "unset LD_LIBRARY_PATH",
     [](FakeStack& stack) {
       const fs::path other = stack.folder("other");
       fs::copy_file(stack.libraries() / "libcublasLt.so.13", other / "libcublasLt.so.13");
       stack.environment["LD_LIBRARY_PATH"] = other.string() + ":" + stack.libraries().string();
     }},
    {"5-MISSING", "", 15, "pip install nvidia-cublas", without("libcublas.so.13")},
    {"5-OLD", "", 1, "LD_LIBRARY_PATH", set("FAKE_CUBLAS_VERSION", "130000")},
    {"3-OOM", "cublas", 13, "ulimit -v unlimited",
     [](FakeStack& stack) {
       stack.environment["FAKE_FREE_MB"] = "400";
       add_order(stack, "cublasCreate_v2=3");
     }},
    {"ANY-WRONG", "product", 15, "nvidia-smi -q -d ECC,ROW_REMAPPER",
     set("FAKE_WRONG", "cublasSgemm_v2")},
    {"ANY-CRASH", "cublas", 15, "LD_LIBRARY_PATH", order("cublasCreate_v2=crash")},
    {"3-BADFILE", "cublas", 15, "dpkg -S FILE",
     [](FakeStack& stack) { fs::resize_file(stack.libraries() / "libcublas.so.13", 6000); }},
};

const std::vector<FailureMode> kCudnn = {
    {"6-MISSING", "", 16, "pip install nvidia-cudnn-cu13", without("libcudnn.so.9")},
    {"6-SUBLIB", "ops", 16, "pip install --force-reinstall nvidia-cudnn-cu13",
     without("libcudnn_ops.so.9")},
    {"6-SUBLIB", "graph", 16, "pip install --force-reinstall nvidia-cudnn-cu13",
     without("libcudnn_graph.so.9")},
    {"6-SUBLIB", "engines", 16, "pip install --force-reinstall nvidia-cudnn-cu13",
     without("libcudnn_engines_precompiled.so.9")},
    {"6-SUBLIB", "taken_elsewhere", 1, "pip install --force-reinstall nvidia-cudnn-cu13",
     [](FakeStack& stack) { move_away(stack, "libcudnn_cnn.so.9"); }},
    {"6-MIX", "code", 16, "pip uninstall nvidia-cudnn-cu12", order("cudnnCreate=1002")},
    {"6-MIX", "folders", 1, "pip uninstall nvidia-cudnn-cu12",
     [](FakeStack& stack) {
       const fs::path other = stack.folder("other");
       fs::copy_file(stack.libraries() / "libcudnn_ops.so.9", other / "libcudnn_ops.so.9");
       stack.environment["LD_LIBRARY_PATH"] = other.string() + ":" + stack.libraries().string();
     }},
    {"6-OLD", "", 1, "pip install --upgrade nvidia-cudnn-cu13",
     set("FAKE_CUDNN_VERSION", "90800")},
    {"6-ARCH", "", 16, "nvidia-cudnn-cu12<9.11",
     [](FakeStack& stack) {
       stack.environment["FAKE_CC"] = "70";
       stack.environment["FAKE_SASS"] = "70";
     }},
    {"6-ARCH", "code", 16, "nvidia-cudnn-cu12<9.11", order("cudnnCreate=3007")},
    {"6-NVRTC", "missing", 1, "pip install nvidia-cuda-nvrtc", without("libnvrtc.so.13")},
    {"6-NVRTC", "code", 16, "pip install nvidia-cuda-nvrtc", order("cudnnCreate=3008")},
    {"4-OLDDRV", "cudnn", 14, "cu126", order("cudnnCreate=3005")},
    {"3-OOM", "cudnn", 13, "ulimit -v unlimited",
     [](FakeStack& stack) {
       stack.environment["FAKE_FREE_MB"] = "400";
       add_order(stack, "cudnnCreate=1001");
     }},
    {"ANY-ERROR", "cudnn", 16, "compute-sanitizer PROGRAM", order("cudnnCreate=5000")},
    {"ANY-WRONG", "convolution", 16, "nvidia-smi -q -d ECC,ROW_REMAPPER",
     set("FAKE_WRONG", "cudnnConvolutionForward")},
    {"ANY-CRASH", "cudnn", 16, "LD_LIBRARY_PATH", order("cudnnCreate=crash")},
};

const std::vector<FailureMode> kNccl = {
    {"7-SHM", "", 17, "docker run --shm-size=1g ...",
     [](FakeStack& stack) {
       stack.machine.remove("/dev/shm");
       add_order(stack, "ncclCommInitAll=2");
     },
     two_gpus, kToNccl},
    {"7-HANG",
     "",
     17,
     "iommu=pt",
     order("ncclAllReduce=hang"),
     two_gpus,
     {"--to", "nccl", "--timeout", "3"}},
    {"7-P2PBAD", "copy", 17, "iommu=pt", set("FAKE_WRONG", "cudaMemcpyPeer"), two_gpus, kToNccl},
    {"7-P2PBAD", "sum", 17, "iommu=pt", set("FAKE_WRONG", "ncclAllReduce"), two_gpus, kToNccl},
    {"7-NCCLMIX", "", 17, "pip list | grep nccl",
     [](FakeStack& stack) { stack.replace("libnccl.so.2", "old"); }, two_gpus, kToNccl},
    {"7-MISSING", "", 0, "pip install nvidia-nccl-cu13", without("libnccl.so.2"), two_gpus,
     kToNccl},
    {"0-LOST", "one_of_two", 10, "sudo dmesg | grep -iE 'xid|fallen'",
     [](FakeStack& stack) {
       stack.machine.file("/sys/bus/pci/devices/0000:5e:00.0/config", std::string(64, '\xff'));
       stack.machine.remove("/proc/driver/nvidia/gpus/0000:5e:00.0").remove("/dev/nvidia1");
       stack.environment["FAKE_GPUS"] = "1";
     },
     two_gpus},
    {"3-BUSY", "one_of_two", 13, "sudo nvidia-smi -c 0", order("cuDevicePrimaryCtxRetain@1=46"),
     two_gpus},
};

const std::vector<FailureMode> kFramework = {
    {"8-CPU",
     "",
     18,
     "cmake -S . -B build -DSTRATA_CUDA=ON",
     [](FakeStack& stack) {
       play(stack, R"(echo '{"facts":{"gpu_code":false}}' >&3)", training(""));
     },
     healthy_framework,
     {}},
    {"ANY-WRONG",
     "op",
     18,
     "nvidia-smi -q -d ECC,ROW_REMAPPER",
     [](FakeStack& stack) {
       play(stack,
            R"(echo '{"facts":{"ops":[{"op":"dense","rung":"library","output_error":0.5,)"
            R"("gradient_error":0,"tolerance":2e-5}]}}' >&3)",
            training(""));
     },
     healthy_framework,
     {}},
    {"9-TRAIN",
     "flat",
     19,
     "nvidia-smi -q -d ECC,ROW_REMAPPER",
     [](FakeStack& stack) { play(stack, kOps, training(R"("loss":2.3,"accuracy":10)")); },
     healthy_framework,
     {}},
    {"9-TRAIN",
     "nan",
     19,
     "nvidia-smi -q -d ECC,ROW_REMAPPER",
     [](FakeStack& stack) {
       play(stack, kOps, training(R"("loss":1e30,"first_losses":[2.3,1e30])"));
     },
     healthy_framework,
     {}},
    {"9-TRAIN",
     "bits",
     19,
     "nvidia-smi -q -d ECC,ROW_REMAPPER",
     [](FakeStack& stack) { play(stack, kOps, training(R"("same_bits":false)")); },
     healthy_framework,
     {}},
    {"9-TRAIN",
     "accuracy",
     19,
     "nvidia-smi -q -d ECC,ROW_REMAPPER",
     [](FakeStack& stack) { play(stack, kOps, training(R"("accuracy":80)")); },
     healthy_framework,
     {}},
    {"ANY-HANG",
     "training",
     19,
     "nvidia-smi",
     [](FakeStack& stack) { play(stack, kOps, "sleep 60"); },
     healthy_framework,
     {"--timeout", "3"}},
};

class RuntimeFailureTest : public FailureModeTest {};
TEST_P(RuntimeFailureTest, IsFoundAndNothingElseIsBlamed) {
  expect_found();
}
INSTANTIATE_TEST_SUITE_P(Cpu, RuntimeFailureTest, testing::ValuesIn(kRuntime), name_of_mode);

class CublasFailureTest : public FailureModeTest {};
TEST_P(CublasFailureTest, IsFoundAndNothingElseIsBlamed) {
  expect_found();
}
INSTANTIATE_TEST_SUITE_P(Cpu, CublasFailureTest, testing::ValuesIn(kCublas), name_of_mode);

class CudnnFailureTest : public FailureModeTest {};
TEST_P(CudnnFailureTest, IsFoundAndNothingElseIsBlamed) {
  expect_found();
}
INSTANTIATE_TEST_SUITE_P(Cpu, CudnnFailureTest, testing::ValuesIn(kCudnn), name_of_mode);

class NcclFailureTest : public FailureModeTest {};
TEST_P(NcclFailureTest, IsFoundAndNothingElseIsBlamed) {
  expect_found();
}
INSTANTIATE_TEST_SUITE_P(Cpu, NcclFailureTest, testing::ValuesIn(kNccl), name_of_mode);

class FrameworkFailureTest : public FailureModeTest {};
TEST_P(FrameworkFailureTest, IsFoundAndNothingElseIsBlamed) {
  expect_found();
}
INSTANTIATE_TEST_SUITE_P(Cpu, FrameworkFailureTest, testing::ValuesIn(kFramework), name_of_mode);

}  // namespace
}  // namespace strata::test
