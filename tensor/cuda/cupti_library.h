// CUPTI's functions that Strata calls, typed from its own header and loaded on first use.
#pragma once

#include <cupti.h>

#include <source_location>
#include <string>

#include "tensor/shared_library.h"

namespace strata::cuda {

struct CuptiLibrary : SharedLibrary {
  /// Throws `device` when the file cannot be loaded, or is of another version than this program was
  /// built with: the records' layout changes with it.
  explicit CuptiLibrary(const std::string& file);

  STRATA_LIBRARY_FUNCTION(cuptiGetVersion)
  STRATA_LIBRARY_FUNCTION(cuptiGetResultString)
  STRATA_LIBRARY_FUNCTION(cuptiSubscribe)
  STRATA_LIBRARY_FUNCTION(cuptiUnsubscribe)
  STRATA_LIBRARY_FUNCTION(cuptiEnableCallback)
  STRATA_LIBRARY_FUNCTION(cuptiGetCallbackName)
  STRATA_LIBRARY_FUNCTION(cuptiGetGraphNodeId)
  STRATA_LIBRARY_FUNCTION(cuptiActivityRegisterTimestampCallback)
  STRATA_LIBRARY_FUNCTION(cuptiActivityRegisterCallbacks)
  STRATA_LIBRARY_FUNCTION(cuptiActivityEnable)
  STRATA_LIBRARY_FUNCTION(cuptiActivityDisable)
  STRATA_LIBRARY_FUNCTION(cuptiActivityFlushAll)
  STRATA_LIBRARY_FUNCTION(cuptiActivityGetNextRecord)
  STRATA_LIBRARY_FUNCTION(cuptiActivityGetNumDroppedRecords)
  STRATA_LIBRARY_FUNCTION(cuptiActivityPushExternalCorrelationId)
  STRATA_LIBRARY_FUNCTION(cuptiActivityPopExternalCorrelationId)
};

/// The one that the loader finds, loaded on the first call. Throws as its constructor does.
const CuptiLibrary& cupti_library();

void check_cupti(CUptiResult status, const char* expression,
                 std::source_location where = std::source_location::current());

}  // namespace strata::cuda

#define STRATA_CUPTI(expression) ::strata::cuda::check_cupti((expression), #expression)
