// What a stand-in for a library tells the stand-in for the GPU.
#pragma once

extern "C" {

/// The work just asked for would take a GPU this long: gpu::time() counts it. A library declares
/// this weak and calls it if it is there; the probe exports it.
void fake_gpu_spend(double seconds);
}
