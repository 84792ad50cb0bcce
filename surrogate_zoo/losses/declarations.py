"""The parameters of the handmade losses, one declaration for each class. Needs no torch.

Constructors check by them, and entries tell them. Where a greatest value stands that no paper has, what
is above it takes memory or time without end.
"""

from surrogate_zoo.losses.parameters import Choice, Flag, List, Number, Parameters, Row, Rule

BATCH, IMAGE = "batch", "image"

_WEIGHTS = (
    List(Number("class_weights", "Weight of each class; null weighs all the same.")),
    Number("class_power", "Exponent of weights by the classes' inverse frequency.", high=1),
)
_REDUCTION = Choice(
    "reduction", "Over the whole batch, or the mean over its images.", (BATCH, IMAGE)
)

SHARED = Parameters((*_WEIGHTS, _REDUCTION))
"""What losses of many kinds take."""
WEIGHS = ("class_weights", "class_power")
REDUCES = (*WEIGHS, "reduction")

_WIDTH = Number(
    "width",
    "Of the true boundary on each side of a border, in pixels.",
    low=1,
    high=32,
    whole=True,
)
_BETA = Number("beta", "Weight of the boundary head's cross entropy.")

PIXELS = Parameters(_WEIGHTS)

FOCAL = Parameters(
    (Number("gamma", "Exponent that makes likely pixels fade; 0: cross entropy."), *_WEIGHTS)
)

TOP_K = Parameters(
    (
        Number("share", "Share of the valid pixels that counts, the hardest.", high=1, above=True),
        *_WEIGHTS,
    )
)

WEIGHTED = Parameters(
    (
        Choice(
            "weighting",
            "What a class's pixels are relative to: all (inverse), or those of its images (median).",
            ("inverse", "median"),
        ),
        Number("power", "Exponent of the class weights; 0 is cross entropy.", high=1),
    )
)

DICE = Parameters(
    (
        Number("smooth", "Added to numerator and denominator."),
        Flag("squared", "Sum squares of probabilities in the denominator."),
        *_WEIGHTS,
        _REDUCTION,
    )
)

JACCARD_METRIC = Parameters(
    (
        Number(
            "smoothing",
            "Share of every label that is spread evenly over all classes.",
            high=1,
            below=True,
        ),
        Choice("variant", "Which of the paper's two losses.", (1, 2)),
        *_WEIGHTS,
        _REDUCTION,
    )
)

TVERSKY = Parameters(
    (
        Number("alpha", "Weight of false positives."),
        Number("beta", "Weight of false negatives."),
        Number("exponent", "Of each class's loss; 1 is the Tversky loss.", above=True),
        *_WEIGHTS,
        _REDUCTION,
    ),
    (
        Rule(
            ("alpha", "beta"),
            lambda alpha, beta: alpha + beta > 0,
            "alpha and beta must not both be 0",
        ),
    ),
)

LOVASZ = Parameters((*_WEIGHTS, _REDUCTION))

SSIM = Parameters(
    (
        Number("window", "Side of the window in pixels.", low=3, high=255, whole=True, odd=True),
        Number("sigma", "Standard deviation of the Gaussian in pixels.", low=0.01),
        *_WEIGHTS,
        _REDUCTION,
    )
)

BORDER = Parameters(
    (
        Number("w0", "Weight that the ground between touching objects has beyond 1."),
        Number("sigma", "How fast it falls with the distance to them, in pixels.", above=True),
        *_WEIGHTS,
    )
)

BOUNDARY = Parameters((Flag("normalise", "Measure distances in the image's diagonal."), *_WEIGHTS))

ACTIVE_BOUNDARY = Parameters(
    (
        Number(
            "share",
            "Share of each image's pixels off the true boundary that count as predicted boundary.",
            high=1,
            above=True,
        ),
        Number("theta", "Distance in pixels at which the weight reaches 1.", above=True),
        Number("smoothing", "Label smoothing over the directions.", high=1, below=True),
        Flag("detach", "Leave the neighbours of a pixel out of its gradient."),
    )
)

BOUNDARY_CROSS_ENTROPY = Parameters((_BETA, _WIDTH, *_WEIGHTS))

INVERSE_FORM = Parameters(
    (
        _BETA,
        Number("gamma", "Weight of the distance between the boundary maps."),
        Choice(
            "distance",
            "How far a homography is from the identity.",
            ("euclidean", "geodesic"),
        ),
        Row(
            Number(
                "tiles",
                "Rows and columns that the maps are cut into; null takes those that the network "
                "was trained for.",
                low=1,
                high=64,
                whole=True,
            ),
            2,
            optional=True,
        ),
        Choice(
            "over_tiles",
            "What an image's tiles are taken together by: their sum, as in the paper, or their mean, as "
            "released.",
            ("sum", "mean"),
        ),
        Number(
            "rounding",
            "Distance of a tile below which its slope fades to 0; 0 is the paper's, a slope of 1 down to "
            "the minimum.",
            high=1,
        ),
        _WIDTH,
        *_WEIGHTS,
    )
)

SEMEDA = Parameters(
    (
        Row(Number("lambdas", "Weights of the edge network's three layers."), 3),
        Choice("norm", "Of a pixel's features: of differences, or of their squares.", ("l1", "l2")),
        Choice(
            "over_features",
            "What a layer's features are taken together by: their mean, or their sum, as in the paper.",
            ("mean", "sum"),
        ),
        Flag("after_relu", "Compare behind the ReLUs."),
        *_WEIGHTS,
    )
)

EDGE_CROSS_ENTROPY = Parameters(
    (
        Number("weight", "Of the edges."),
        Choice(
            "truth",
            "What edges are compared with: those that the network finds in the true mask, or the mask's "
            "true edges, as in the paper.",
            ("network", "edges"),
        ),
        *_WEIGHTS,
    )
)

EDGE_HEAD = Parameters(
    (
        Number("weight", "Of the edges."),
        Flag("balanced", "Weigh edges and other pixels so that both count alike."),
        *_WEIGHTS,
    )
)

DISCRIMINATIVE = Parameters(
    (
        Number("delta_v", "How far a pixel may be from its object's mean."),
        Number("delta_d", "Half of how far two means are to be apart.", above=True),
        Number("alpha", "Weight of the distances to the mean."),
        Number("beta", "Weight of the distances between means."),
        Number("gamma", "Weight of the distances of means to the origin."),
        Choice("norm", "Of vectors.", ("l2", "l1")),
    ),
    (
        Rule(
            ("delta_v", "delta_d"),
            lambda near, far: near < far,
            "delta_d must be above delta_v",
        ),
    ),
)

DEEP_METRIC = Parameters(
    (
        Number(
            "samples",
            "Pixels of each object that are compared.",
            low=1,
            whole=True,
        ),
        Number("classification", "Weight of the masks' classification."),
        Flag("across_classes", "Compare all objects of an image, not those of one class alone."),
    )
)
