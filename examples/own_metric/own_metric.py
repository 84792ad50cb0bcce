"""The F0.5 score: precision counts twice as much as recall."""

from surrogate_zoo.metrics.metric import Metric


def f05(logic, maps):
    """Mean over classes of 1.25 P R / (0.25 P + R), written in pixels."""
    both = maps.total(logic.and_("and", maps.pred, maps.target))
    either = maps.total(logic.or_("or", maps.pred, maps.target))
    true = maps.total(maps.target)
    given = both + (either - true)  # all that were given to the class
    score = maps.ratio(1.25 * both, given + 0.25 * true)
    return maps.class_mean(score, maps.exists(maps.pred, maps.target))


F05 = Metric(
    name="f05",
    title="F0.5",
    summary="Mean over classes of the F-beta score of pixels, beta 0.5.",
    source="van Rijsbergen, Information Retrieval, 1979, chapter 7",
    function=f05,
)
