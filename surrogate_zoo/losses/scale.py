from surrogate_zoo.losses.document import signed


def filled(draft, scales):
    rest = list(scales)

    def go(b):
        b = dict(b)
        if b.get("kind") == "sum":
            b["terms"] = [{"weight": t["weight"], "loss": go(t["loss"])} for t in b["terms"]]
        if "scale" in b and b["scale"] is None:
            b["scale"] = rest.pop(0)
        b.pop("sha256", None)
        return signed(b)

    out = go(draft)
    assert not rest
    return out
