// Data sets on disk: a folder of four IDX files, as MNIST and Fashion-MNIST are published.
#pragma once

#include <filesystem>
#include <optional>
#include <span>
#include <vector>

#include "nn/dataset.h"

namespace strata::nn {

/// Reads train-images-idx3-ubyte, train-labels-idx1-ubyte, t10k-images-idx3-ubyte and
/// t10k-labels-idx1-ubyte, each raw or with .gz (raw wins), or with the last dash as a dot
/// (train-images.idx3-ubyte). Images of any size; files of rank 4 carry channels. The number of
/// classes is the largest label of both splits plus one. The name is "mnist" if the content is
/// MNIST's, and the folder's otherwise.
/// Throws `data` with one line that names the file, what is wrong and what to do.
Dataset load_idx(const std::filesystem::path& folder);

/// Whether the folder holds all four files, good or bad.
bool holds_idx(const std::filesystem::path& folder);

/// The first of the folders that holds all four files.
std::optional<std::filesystem::path> find_idx(std::span<const std::filesystem::path> folders);

/// Where MNIST is looked for when nobody names a folder: below the current folder, and below the
/// project when the program stands in its build folder.
std::vector<std::filesystem::path> mnist_folders();

}  // namespace strata::nn
