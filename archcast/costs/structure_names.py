"""The numbers that :func:`archcast.costs.structure.structure` gives, in their order; this file needs no torch."""

__all__ = ["STRUCTURE"]

STRUCTURE = {
    "log_params": "logarithm of the number of parameters",
    "log_macs": "logarithm of the multiply-accumulates of a sample",
    "log_activations": "logarithm of the activations of a sample",
    "log_resolution": "logarithm of the height of the image",
    "macs_per_param": "log_macs - log_params",
    "activations_per_mac": "log_activations - log_macs",
    "share_dense": "share of the multiply-accumulates in convolutions with windows larger than one pixel",
    "share_pointwise": "the same, in convolutions of one pixel",
    "share_grouped": "the same, in grouped convolutions",
    "share_depthwise": "the same, in convolutions of each channel by itself",
    "share_linear": "the same, in linear layers",
    "share_attention": "the same, in products of activations with activations",
    "kernel": "mean side of the windows of convolutions, weighted by multiply-accumulates",
    "large_kernels": "share of depthwise convolutions with windows of more than three pixels a side",
    "log_depth": "logarithm of the layers with weights on the longest path",
    "log_layers": "logarithm of all layers with weights",
    "branching": "log_layers - log_depth",
    "log_width": "mean logarithm of the output channels of layers, weighted by multiply-accumulates",
    "log_width_last": "logarithm of the largest number of output channels before the head",
    "widening": "log_width_last less the logarithm of the output channels of the first layer",
    "slenderness": "log_depth - log_width",
    "log_pixels": "mean logarithm of the positions of a map, weighted by multiply-accumulates",
    "log_pixels_last": "logarithm of the positions of the smallest map that is larger than one",
    "stem_stride": "logarithm of the height of the image over that of the first map",
    "scales": "number of different sizes of maps",
    "norm_layer": "share of layer normalisations among normalisations",
    "norms_per_layer": "normalisations for each layer with weights",
    "smooth": "share of smooth activation functions (GELU, SiLU, ...) among activation functions",
    "gates": "gating functions (sigmoid, hard sigmoid) for each layer with weights: squeeze and excitation",
    "residuals": "sums of two maps of equal shape for each layer with weights",
}
"""Name -> meaning."""
