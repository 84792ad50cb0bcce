"""Which sampler finds a good loss with the fewest trainings, answered on a model of real trainings.

    python -m benchmarks.samplers.collect --root <camvid> --metric miou
    python -m benchmarks.samplers.fit --metric miou
    python -m benchmarks.samplers.regret --metric miou

collect trains proxies and notes what they score, fit makes a model of the scores and states how good
it is, regret lets samplers search on the model. Files lie in ``benchmarks/results/samplers``.
"""
