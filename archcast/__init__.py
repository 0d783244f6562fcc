"""archcast: forecasts how good a neural network architecture will be before anyone trains it.

The public API on one screen; everything is imported on first use, so ``import archcast`` costs next to nothing.

    >>> import archcast
    >>> space = archcast.get_space("nasbench201")
    >>> archs = space.sample(50, 0)                                   # architectures are rows of integers
    >>> scores = (archs == 3).sum(axis=1)                             # stands in for accuracies
    >>> predictor = archcast.get_predictor("random-forest", space=space, random_state=0).init(archs, scores)
    >>> predictor.query(space.sample(5, 1)).mean.shape
    (5,)
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
