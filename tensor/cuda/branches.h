// The side streams on which a graph's branches are captured (see tensor/branch.h); needs no CUDA
// header.
//
// A side stream joins a capture by waiting for an event of the main stream, and leaves it when the
// main stream waits for one of its own; nothing of that is a node of the graph, only edges.
#pragma once

namespace strata::cuda {

/// Whether the main stream is being captured by a Graph (graph.h).
bool capturing();

/// Called by Graph around a capture. Makes the side streams on first use.
void start_branching();
/// After a capture, good or broken: forgets branches that were not joined.
void stop_branching() noexcept;

/// Turns stream() to a side stream that starts from the main stream as it is now. False, and
/// nothing is done, outside of a capture and inside another branch.
bool open_branch();
void close_branch() noexcept;
void join_branches();

}  // namespace strata::cuda
