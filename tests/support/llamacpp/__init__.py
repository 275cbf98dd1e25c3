"""llama.cpp's own server on a model of random weights: a wire that nobody here wrote."""
