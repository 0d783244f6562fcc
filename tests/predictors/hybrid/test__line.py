from __future__ import annotations

import numpy as np
from sklearn.linear_model import Ridge

from archcast.predictors.hybrid._line import PENALTIES, Line


def test_left_out_predictions_and_penalty_are_those_of_leaving_each_row_out(rng):
    x, new = rng.normal(size=(12, 4)), rng.normal(size=(5, 4))
    y = x @ [1.0, -2.0, 0.0, 0.5] + 0.3 * rng.normal(size=12)
    line, outside = Line.fit(x, y)

    def left_out(penalty):
        rest = [np.delete(np.arange(12), i) for i in range(12)]
        return np.array([Ridge(penalty).fit(x[r], y[r]).predict(x[[i]])[0] for i, r in enumerate(rest)])

    best = min(PENALTIES, key=lambda penalty: np.square(left_out(penalty) - y).mean())
    np.testing.assert_allclose(outside, left_out(best), atol=1e-9)
    np.testing.assert_allclose(line.predict(new), Ridge(best).fit(x, y).predict(new), atol=1e-9)
