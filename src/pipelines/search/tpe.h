// The tree-structured Parzen estimator: proposes where past trials were good rather than bad. Pure.
//
// J. Bergstra, R. Bardenet, Y. Bengio, B. Kegl: Algorithms for Hyper-Parameter Optimization (NIPS
// 2011), section 4; the details that the paper leaves open as Optuna's TPESampler has them by
// default (T. Akiba et al., KDD 2019; S. Watanabe, arXiv:2304.11127).
//
// Of n trials with a value the best g(n) = min(ceil(n / 10), 25) are the good ones, the rest, and
// those that still run, the bad ones; fewer than 10 and the point is a random one. 24 candidates
// are drawn from l, the density of the good ones, and the one with the largest l(x) / b(x) is
// taken, b being the density of the bad ones: that x has the largest expected improvement.
//
// A density is a mixture of a kernel for each of its n observations and one for the prior; a kernel
// is a product over the dimensions (so they are proposed together, as by Optuna since 5.0: better
// than each by itself on all functions of bench/search). Of numbers, it is a normal distribution
// cut off at the bounds: mean x_i, deviation the distance to the farther of its two neighbours (the
// bounds are neighbours, too; the outermost look inwards alone), clipped to [(high - low) /
// min(100, n + 2), high - low]; the prior's has the middle and high - low. With `log` all this is
// so for log(x). Numbers with a step, and whole ones, have the probability of [x - step/2, x +
// step/2]. Of choices, a kernel gives 1/(n + 1) to each and 1 to the observed one, made to sum
// to 1. The newest 25 observations and the prior weigh 1, older ones less: from 1/n, evenly.
#pragma once

#include <span>

#include "pipelines/search/trials.h"

namespace slipway::pipelines {

// Of trials that say nothing of their points (kLost) nothing is taken. Stopped ones come behind all
// complete ones, those first that came farthest.
Point tpe_point(const Space& space, bool maximizes, std::span<const Trial> trials,
                base::Random& random);

}  // namespace slipway::pipelines
