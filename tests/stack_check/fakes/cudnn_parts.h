// How the functions of the fake cuDNN begin.
#pragma once

#include <cudnn.h>

/// The release of libcudnn_PART.so.9 as the loader finds it; 0, and the real library's words on
/// standard error, where there is none or it is another part under that name.
long part_version(const char* part, const char* function);

/// What `function`, which lives in `part`, returns before it does anything. Without the part graph
/// it aborts.
cudnnStatus_t begin(const char* function, const char* part);
