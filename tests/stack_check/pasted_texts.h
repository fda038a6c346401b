// Error texts as people paste them, with the noise around, and what --explain must make of them.
#pragma once

#include <ostream>

namespace strata::test {

struct Pasted {
  const char* ids;   // the first one found; "A B": an ambiguity that names them
  const char* text;  // as pasted
};

/// Shown by GoogleTest with a failure.
inline void PrintTo(const Pasted& pasted, std::ostream* out) {
  *out << pasted.ids;
}

inline const Pasted kPasted[] = {
    // nvidia-smi, NVML, kernel log, package managers
    {"1-NOMOD 1-DKMS 1-SECBOOT",
     "$ nvidia-smi\nNVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver. "
     "Make sure that the latest NVIDIA driver is installed and running.\n"},
    {"1-NOMOD 1-DKMS 1-SECBOOT",
     "NVIDIA-SMI has failed because it couldn\xe2\x80\x99t communicate with the\nNVIDIA driver."},
    {"1-NOMOD",
     "modprobe: FATAL: Module nvidia not found in directory /lib/modules/6.8.0-45-generic"},
    {"1-NOMOD",
     "docker: Error response from daemon: failed to create shim: OCI runtime create failed: "
     "container_linux.go:380: starting container process caused: process_linux.go:545: hook #0:: "
     "error running hook: exit status 1, stdout: , stderr: nvidia-container-cli: initialization "
     "error: nvml error: driver not loaded: unknown."},
    {"1-NOMOD",
     "2020-06-01 12:00:00 E tensorflow/stream_executor/cuda/cuda_diagnostics.cc:158] kernel driver "
     "does not appear to be running on this host (box): /proc/driver/nvidia/version does not "
     "exist"},
    {"1-MISMATCH",
     "Failed to initialize NVML: Driver/library version mismatch\nNVML library version: 535.161"},
    {"1-MISMATCH",
     "E cuda_diagnostics.cc:313] kernel version 361.42.0 does not match DSO version 352.93.0 -- "
     "cannot find working devices in this configuration"},
    {"1-MISMATCH",
     "[ 2035.119] NVRM: API mismatch: the client has the version 550.90.07, but\nNVRM: this kernel "
     "module has the version 550.54.15.  Please\nNVRM: make sure that this kernel module and all "
     "NVIDIA driver\nNVRM: components have the same version."},
    {"1-SECBOOT",
     "$ sudo modprobe nvidia\nmodprobe: ERROR: could not insert 'nvidia': Key was rejected by "
     "service"},
    {"1-SECBOOT",
     "nvidia: module verification failed: signature and/or required key missing - tainting kernel"},
    {"1-DKMS",
     "Building module:\ncleaning build area...\n'make' -j16 ...(bad exit status: 2)\nError! Bad "
     "return status for module build on kernel: 6.11.0-9-generic (x86_64)\nConsult "
     "/var/lib/dkms/nvidia/550.107.02/build/make.log for more information."},
    {"1-DKMS",
     "Error! Your kernel headers for kernel 5.15.0-91-generic cannot be found at\n"
     "/lib/modules/5.15.0-91-generic/build or /lib/modules/5.15.0-91-generic/source."},
    {"1-DKMS",
     "ERROR: Unable to find the kernel source tree for the currently running kernel. Please make "
     "sure you have installed the kernel source files for your kernel"},
    {"0-NOUVEAU",
     "NVRM: The NVIDIA probe routine was not called for 1 device(s).\nNVRM: This can occur when a "
     "driver such as:\nNVRM: nouveau, rivafb, nvidiafb or rivatv\nNVRM: was loaded and obtained "
     "ownership of the NVIDIA device(s)."},
    {"0-NOUVEAU",
     "ERROR: The Nouveau kernel driver is currently in use by your system.  This driver is "
     "incompatible with the NVIDIA driver, and must be disabled before proceeding."},
    {"0-VFIO",
     "01:00.0 VGA compatible controller [0300]: NVIDIA Corporation GA102 [10de:2204]\n\tKernel "
     "driver in use: vfio-pci\n\tKernel modules: nvidiafb, nouveau, nvidia"},
    {"0-LOST",
     "[12345.6] NVRM: Xid (PCI:0000:01:00): 79, pid='<unknown>', name=<unknown>, GPU has fallen "
     "off "
     "the bus.\nNVRM: A GPU crash dump has been created."},
    {"0-LOST",
     "Unable to determine the device handle for GPU 0000:02:00.0: GPU is lost.  Reboot the system "
     "to "
     "recover this GPU"},
    {"0-LOST", "Unable to determine the device handle for GPU0000:3B:00.0: Unknown Error"},
    {"0-BAR 1-GSPFW 1-NEEDOPEN 1-GSP 1-LEGACY", "user@box:~$ nvidia-smi\nNo devices were found"},
    {"0-BAR",
     "NVRM: GPU 0000:01:00.0: RmInitAdapter failed! (0x22:0x56:742)\nNVRM: GPU 0000:01:00.0: "
     "rm_init_adapter failed, device minor number 0"},
    {"1-GSPFW",
     "NVRM: _kgspBootGspRm: unexpected WPR2 already up, cannot proceed with booting GSP\nNVRM: "
     "RmInitAdapter: Cannot initialize GSP firmware RM\nNVRM: GPU 0000:c1:00.0: RmInitAdapter "
     "failed! (0x62:0x40:1860)"},
    {"1-GSPFW",
     "NVRM: Xid (PCI:0000:4b:00): 119, pid=1234, Timeout after 6s of waiting for RPC response from "
     "GPU0 GSP! Expected function 76 (GSP_RM_CONTROL)"},
    {"1-GSP",
     "NVRM: The NVIDIA GPU 0000:01:00.0 (PCI ID: 10de:1b80)\nNVRM: installed in this system is not "
     "supported by open\nNVRM: nvidia.ko because it does not include the required GPU\nNVRM: "
     "System "
     "Processor (GSP)."},
    {"1-LEGACY",
     "NVRM: The NVIDIA GeForce GTX 1080 GPU installed in this system is\nNVRM:  supported through "
     "the "
     "NVIDIA 580.xx Legacy drivers. Please\nNVRM:  visit http://www.nvidia.com/object/unix.html "
     "for "
     "more\nNVRM:  information.  The 590.44.01 NVIDIA driver will ignore\nNVRM:  this GPU."},
    {"1-NEEDOPEN",
     "NVRM: installed in this system requires use of the NVIDIA open kernel modules.\nNVRM: GPU "
     "0000:01:00.0: RmInitAdapter failed! (0x22:0x56:884)"},
    {"1-ECC",
     "RuntimeError: CUDA error: uncorrectable ECC error encountered\nCUDA kernel errors might be "
     "asynchronously reported at some other API call"},
    {"1-ECC",
     "NVRM: Xid (PCI:0000:b1:00): 63, pid=2541, Row Remapper: New row marked for remapping, reset "
     "gpu to activate."},
    {"1-XID", "kernel: NVRM: Xid (PCI:0000:0b:00): 31, pid=5555, Ch 00000008, MMU Fault"},
    {"2-PERM", "Failed to initialize NVML: Insufficient Permissions"},
    {"2-PERM", "strace: openat(AT_FDCWD, ...)\ncat: /dev/nvidiactl: Permission denied"},
    {"2-CGROUP 0-LOST", "root@f00:/# nvidia-smi\nFailed to initialize NVML: Unknown Error"},
    {"2-WSL", "Failed to initialize NVML: GPU access blocked by the operating system"},
    // containers
    {"2-NOPASS",
     "docker: Error response from daemon: could not select device driver \"\" with capabilities: "
     "[[gpu]].\nERRO[0000] error waiting for container: context canceled"},
    {"2-NOPASS",
     "WARNING: The NVIDIA Driver was not detected.  GPU functionality will not be available.\n   "
     "Use "
     "the NVIDIA Container Toolkit to start this container with GPU support; see\n   "
     "https://docs.nvidia.com/datacenter/cloud-native/ ."},
    {"2-HOSTLIB",
     "docker: Error response from daemon: failed to create task for container: OCI runtime create "
     "failed: runc create failed: unable to start container process: error during container init: "
     "error running hook #0: exit status 1, stdout: , stderr: Auto-detected mode as 'legacy'\n"
     "nvidia-container-cli: initialization error: load library failed: libnvidia-ml.so.1: cannot "
     "open shared object file: no such file or directory: unknown."},
    {"2-REQUIRE",
     "nvidia-container-cli: requirement error: unsatisfied condition: cuda>=12.8, please update "
     "your "
     "driver to a newer version, or use an earlier cuda container: unknown."},
    {"2-WSL",
     "Auto-detected mode as 'legacy'\nnvidia-container-cli: initialization error: WSL environment "
     "detected but no adapters were found: unknown"},
    {"1-UVM",
     "nvidia-container-cli: mount error: stat failed: /dev/nvidia-uvm: no such file or "
     "directory: unknown"},
    // CUDA's codes, as frameworks show them
    {"3-NOLIB 2-NOPASS 4-OLDDRV",
     "CUDA Device Query (Runtime API) version (CUDART static linking)\n\ncudaGetDeviceCount "
     "returned "
     "35\n-> CUDA driver version is insufficient for CUDA runtime version\nResult = FAIL"},
    {"3-NOLIB 2-NOPASS 4-OLDDRV",
     "tensorflow.python.framework.errors_impl.InternalError: cudaGetDevice() failed. Status: CUDA "
     "driver version is insufficient for CUDA runtime version"},
    {"3-NOLIB 2-NOPASS 4-OLDDRV", "cudaGetDeviceCount = 35 (InsufficientDriver)"},
    {"3-NOLIB 2-NOPASS",
     "RuntimeError: Found no NVIDIA driver on your system. Please check that you have an NVIDIA "
     "GPU "
     "and installed a driver from http://www.nvidia.com/Download/index.aspx"},
    {"4-OLDDRV",
     "RuntimeError: The NVIDIA driver on your system is too old (found version 11040). Please "
     "update "
     "your GPU driver by downloading and installing a new version from the URL: "
     "http://www.nvidia.com/Download/index.aspx"},
    {"1-UVM 1-SUSPEND",
     "UserWarning: CUDA initialization: CUDA unknown error - this may be due to an incorrectly set "
     "up "
     "environment, e.g. changing env variable CUDA_VISIBLE_DEVICES after program start. Setting "
     "the "
     "available devices to be zero. (Triggered internally at ../c10/cuda/CUDAFunctions.cpp:108.)"},
    {"1-UVM 1-SUSPEND",
     "E tensorflow/stream_executor/cuda/cuda_driver.cc:265] failed call to cuInit: "
     "CUDA_ERROR_UNKNOWN: unknown error"},
    {"3-HIDDEN 1-UVM 3-MIG 2-WSL 0-NOGPU",
     "E external/local_xla/xla/stream_executor/cuda/cuda_driver.cc:152] failed call to cuInit: "
     "INTERNAL: CUDA error: Failed call to cuInit: CUDA_ERROR_NO_DEVICE: no CUDA-capable device is "
     "detected"},
    {"3-HIDDEN 1-UVM 0-NOGPU",
     "  File \"torch/cuda/__init__.py\", line 319, in _lazy_init\n    torch._C._cuda_init()\n"
     "RuntimeError: No CUDA GPUs are available"},
    {"3-HIDDEN",
     "RuntimeError: CUDA error: invalid device ordinal\nCUDA kernel errors might be ..."},
    {"1-FABRIC",
     "RuntimeError: Unexpected error from cudaGetDeviceCount(). Did you run some cuda functions "
     "before calling NumCudaDevices() that might have already set an error? Error 802: system not "
     "yet initialized"},
    {"3-COMPAT 1-MISMATCH",
     "Error 803: system has unsupported display driver / cuda driver combination"},
    {"3-COMPAT 1-MISMATCH",
     "RuntimeError: Unexpected error from cudaGetDeviceCount(). Error 804: forward compatibility "
     "was "
     "attempted on non supported HW"},
    {"3-STUB", "cuInit = 34 (CUDA_ERROR_STUB_LIBRARY): CUDA driver is a stub library"},
    {"3-STUB",
     "[numba] CudaSupportError: Error at driver init:\nCall to cuInit results in "
     "CUDA_ERROR_STUB_LIBRARY (34)"},
    {"3-BUSY",
     "RuntimeError: CUDA error: all CUDA-capable devices are busy or unavailable\nCompile with "
     "`TORCH_USE_CUDA_DSA` to enable device-side assertions."},
    {"3-OOM",
     "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 20.00 MiB. GPU 0 has a total "
     "capacity of 23.69 GiB of which 12.12 MiB is free. Process 4242 has 23.6 GiB memory in use."},
    {"3-OOM",
     "jaxlib.xla_extension.XlaRuntimeError: RESOURCE_EXHAUSTED: Out of memory while trying to "
     "allocate 8589934592 bytes."},
    {"3-OOM",
     "failed to allocate 7.43G (7975862272 bytes) from device: CUDA_ERROR_OUT_OF_MEMORY: out of "
     "memory"},
    {"1-HMM",
     "nvidia-uvm: Loaded the UVM driver, major device number 510.\nWARNING: CPU: 3 PID: 801\n"
     "request_free_mem_region() err -34"},
    {"4-NOKERNEL",
     "NVIDIA GeForce RTX 5090 with CUDA capability sm_120 is not compatible with the current "
     "PyTorch "
     "installation.\nThe current PyTorch install supports CUDA capabilities sm_50 sm_60 sm_70 "
     "sm_75 "
     "sm_80 sm_86 sm_90."},
    {"4-NOKERNEL",
     "RuntimeError: CUDA error: no kernel image is available for execution on the device"},
    {"4-NOKERNEL", "nvcc fatal   : Unsupported gpu architecture 'compute_61'"},
    {"4-PTX", "CUDA error: the provided PTX was compiled with an unsupported toolchain."},
    {"4-PTX",
     "ptxas application ptx input, line 9; fatal   : Unsupported .version 8.7; current version is "
     "'8.4'"},
    {"4-NOJIT", "cudaErrorJitCompilerNotFound: PTX JIT compiler library not found"},
    {"ANY-ERROR", "RuntimeError: CUDA error: an illegal memory access was encountered"},
    // the loader
    {"3-NOLIB",
     "ImportError: libcuda.so.1: cannot open shared object file: No such file or directory"},
    {"3-NOLIB",
     "W tensorflow/stream_executor/platform/default/dso_loader.cc:64] Could not load dynamic "
     "library "
     "'libcuda.so.1'; dlerror: libcuda.so.1: cannot open shared object file: No such file or "
     "directory\nW cuda_driver.cc:269] failed call to cuInit: UNKNOWN ERROR (303)"},
    {"3-NOLIB",
     "I external/local_tsl/tsl/cuda/cudart_stub.cc:31] Could not find cuda drivers on your "
     "machine, "
     "GPU will not be used."},
    {"3-BADFILE", "OSError: /usr/lib/x86_64-linux-gnu/libcuda.so.1: file too short"},
    {"3-BADFILE", "error while loading shared libraries: libcudnn.so.9: invalid ELF header"},
    {"4-NOCUDART",
     "OSError: libcudart.so.12: cannot open shared object file: No such file or directory"},
    {"4-NOCUDART", "ImportError: libcudart.so.11.0: cannot open shared object file: No such file"},
    {"5-MISSING", "ImportError: libcublas.so.12: cannot open shared object file: No such file"},
    {"5-LTMIX",
     "OSError: /opt/venv/lib/python3.10/site-packages/nvidia/cublas/lib/libcublas.so.11: undefined "
     "symbol: cublasLtGetStatusString, version libcublasLt.so.11"},
    {"5-LTMIX",
     "ImportError: libcusparse.so.12: undefined symbol: __nvJitLinkComplete_12_4, version "
     "libnvJitLink.so.12"},
    {"6-MISSING",
     "Could not load dynamic library 'libcudnn.so.8'; dlerror: libcudnn.so.8: cannot open shared "
     "object file: No such file or directory\n2021-01-06 W gpu_device.cc:1757] Cannot dlopen some "
     "GPU libraries. Please make sure the missing libraries mentioned above are installed "
     "properly"},
    {"6-MISSING", "ImportError: libcudnn.so.9: cannot open shared object file: No such file"},
    {"6-SUBLIB",
     "Could not load library libcudnn_ops_infer.so.8. Error: libcudnn_ops_infer.so.8: cannot open "
     "shared object file: No such file or directory\nAborted (core dumped)"},
    {"6-SUBLIB",
     "Unable to load any of {libcudnn_ops.so.9.1.0, libcudnn_ops.so.9.1, libcudnn_ops.so.9, "
     "libcudnn_ops.so}\nInvalid handle. Cannot load symbol cudnnCreateTensorDescriptor"},
    {"6-NVRTC",
     "Could not load library libnvrtc.so. Error: libnvrtc.so: cannot open shared object file"},
    {"7-MISSING", "ImportError: libnccl.so.2: cannot open shared object file: No such file"},
    {"7-NCCLMIX",
     "ImportError: /opt/torch/lib/libtorch_cuda.so: undefined symbol: ncclCommRegister"},
    // cuBLAS, cuDNN, NCCL
    {"3-OOM 5-INIT 4-OLDDRV",
     "RuntimeError: CUDA error: CUBLAS_STATUS_NOT_INITIALIZED when calling `cublasCreate(handle)`"},
    {"3-OOM 5-INIT", "RuntimeError: cuDNN error: CUDNN_STATUS_NOT_INITIALIZED"},
    {"3-OOM 5-INIT",
     "E cuda_dnn.cc:329] Could not create cudnn handle: CUDNN_STATUS_INTERNAL_ERROR\n"
     "UnknownError: Failed to get convolution algorithm. This is probably because cuDNN failed to "
     "initialize, so try looking to see if a warning log message was printed above."},
    {"3-OOM",
     "RuntimeError: CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(h)`"},
    {"6-MIX", "RuntimeError: cuDNN error: CUDNN_STATUS_SUBLIBRARY_VERSION_MISMATCH"},
    {"6-OLD",
     "E cuda_dnn.cc:374] Loaded runtime CuDNN library: 8.0.5 but source was compiled with: 8.1.0.  "
     "CuDNN library needs to have matching major version and equal or higher minor version."},
    {"6-OLD",
     "RuntimeError: cuDNN version incompatibility: PyTorch was compiled  against (9, 1, 0) but "
     "found "
     "runtime version (8, 9, 2). PyTorch already comes bundled with cuDNN."},
    {"6-ARCH 3-OOM", "RuntimeError: cuDNN error: CUDNN_STATUS_EXECUTION_FAILED"},
    {"6-ARCH", "RuntimeError: cuDNN error: CUDNN_STATUS_NOT_SUPPORTED_ARCH_MISMATCH"},
    {"7-SHM",
     "box:1:20 [0] misc/shmutils.cc:72 NCCL WARN Error: failed to extend "
     "/dev/shm/nccl-nK8aBc to 9637892 bytes\nbox:1:20 [0] NCCL WARN Error while creating "
     "shared memory segment"},
    {"7-SHM 7-HANG",
     "torch.distributed.DistBackendError: NCCL error in: ProcessGroupNCCL.cpp:1333, unhandled "
     "system "
     "error (run with NCCL_DEBUG=INFO for details), NCCL version 2.18.5"},
    {"7-SHM",
     "RuntimeError: DataLoader worker (pid 123) is killed by signal: Bus error. It is possible "
     "that "
     "dataloader's workers are out of shared memory. Please try to raise your shared memory "
     "limit."},
    {"7-HANG",
     "[rank0]:[E ProcessGroupNCCL.cpp:616] [Rank 0] Watchdog caught collective operation timeout: "
     "WorkNCCL(SeqNum=1, OpType=ALLREDUCE, Timeout(ms)=600000) ran for 600029 milliseconds"},
    // frameworks on the CPU
    {"8-CPU", "AssertionError: Torch not compiled with CUDA enabled"},
    {"8-CPU",
     "WARNING:jax._src.xla_bridge: An NVIDIA GPU may be present on this machine, but a "
     "CUDA-enabled "
     "jaxlib is not installed. Falling back to cpu."},
    {"8-CPU",
     "ValueError: (InvalidArgument) Cannot use GPU because you have installed CPU version "
     "PaddlePaddle.\nIf you want to use GPU, please try to install GPU version PaddlePaddle"},
    {"6-MISSING 4-NOCUDART 8-CPU",
     "W core/common_runtime/gpu/gpu_device.cc:2251] Cannot dlopen some GPU libraries. Please make "
     "sure the missing libraries mentioned above are installed properly if you would like to use "
     "GPU.\nSkipping registering GPU devices..."},
    {"8-CPU 4-OLDDRV",
     "RuntimeError: Attempting to deserialize object on a CUDA device but "
     "torch.cuda.is_available() "
     "is False. If you are running on a CPU-only machine, please use torch.load with map_location"},
    {"ANY-CRASH", "[1]    4021 segmentation fault (core dumped)  ./train_mnist"},
};

}  // namespace strata::test
