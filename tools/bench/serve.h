// Measurements on demand: how tools/bench_peers takes turns between Strata and its peers.
#pragma once

#include <iosfwd>

#include "tools/bench/setup.h"

namespace strata::bench {

/// Answers each line of `commands` by one line, both JSON objects, until the end of the file:
///
///   (at the start)                          {"ready": true, "device": {...}, "versions": {...}}
///   {"do": "prepare", "batch_size": 256}    {"peak_bytes": 12345678, "flop": 1.73e9}
///   {"do": "measure", "batch_size": 256, "seconds": 0.1, "blocks": 3}
///                                           {"us": [55.1, 55.0, 55.3], "loss": 0.12}
///
/// A "product" of a dense layer, [256, 4096, 4096, "forward"] (tools/bench/dense.h), stands in for
/// the batch size where that is to be measured; it has no loss. A command may name a "model";
/// without one that of `configuration` is taken. What fails is answered by {"error": "..."}. The
/// batch size of `configuration` is not used.
void serve(const Data& data, Configuration configuration, std::istream& commands,
           std::ostream& answers);

}  // namespace strata::bench
