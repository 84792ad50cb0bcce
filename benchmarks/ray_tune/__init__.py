"""A search's halving and race on Ray Tune, beside the product's own pool: see docs/decisions/ray-tune.md.

``contest`` says what is trained and who goes on; ``pool``, ``trainables`` and ``schedulers`` do it;
``driver`` names the ways; ``runs`` measures and kills them; ``__main__`` prints what came of it.
"""
