"""Lists the claims, as data: what each says, its source, and the function that judges it.

Standard library only.
"""

from __future__ import annotations

from dataclasses import dataclass

_ROOM = "xavier_cli.findings.claims"


@dataclass(frozen=True)
class Claim:
    """A statement that runs support or contradict.

    `source` is the place in Glorot & Bengio 2010, or in later work, with the number given there; `function`
    takes the runs and returns a finding.
    """

    name: str
    statement: str
    source: str
    function: str
    aliases: tuple[str, ...] = ()


def _claim(room: str, name: str, statement: str, source: str, *aliases: str) -> Claim:
    """A claim that the function of the same name in the module `room` judges."""
    return Claim(name, statement, source, f"{_ROOM}.{room}:{name.replace('-', '_')}", aliases)


CLAIMS = {
    claim.name: claim
    for claim in (
        _claim(
            "sigmoid",
            "sigmoid-top-layer-saturates",
            "The top layer of a deep sigmoid network saturates at 0 early in training.",
            "section 3.1, Figure 2: layer 4 of 4 falls below 0.1, and layer 3 lies above 2 and 1",
        ),
        _claim(
            "sigmoid",
            "sigmoid-depth-5-has-not-left-chance",
            "A sigmoid network of depth 5 is still at chance level at the end of its training.",
            "section 3.1, Table 1: 82.61 % error, where chance is 83.3 %; it never escapes",
            "sigmoid-depth-5-stays-at-guessing",
        ),
        _claim(
            "sigmoid",
            "sigmoid-leans-on-biases-first",
            "The sigmoid's output relies on its biases before the top layer is pushed towards 0.",
            "section 3.1: the proposed cause of the saturation",
        ),
        _claim(
            "sigmoid",
            "sigmoid-depth-4-escapes",
            "A sigmoid network of depth 4 saturates first and escapes from chance level in the end.",
            "section 3.1, Figures 2 and 11: escapes near epoch 100, ends near 35 % error",
        ),
        _claim(
            "sigmoid",
            "sigmoid-from-rbm-does-not-saturate",
            "A sigmoid network that starts from restricted Boltzmann machines does not saturate.",
            "section 3.1: seen with unsupervised pre-training, for instance from RBMs",
        ),
        _claim(
            "sigmoid",
            "sigmoid-from-rbm-learns",
            "A sigmoid network that starts from restricted Boltzmann machines has this test error.",
            "section 3.1: without a number, so this is an estimate",
        ),
        _claim(
            "saturation",
            "tanh-saturates-in-turn",
            "Under the standard initialization tanh layers saturate one after another, the lowest first.",
            "section 3.2, Figure 3 (top): layer 1 first, then 2, and so on",
        ),
        _claim(
            "saturation",
            "softsign-saturates-together",
            "Softsign layers saturate together, and each less than that of tanh.",
            "section 3.3, Figure 3 (bottom): quick, then slow, all layers together",
        ),
        _claim(
            "saturation",
            "final-histograms",
            "Trained tanh units pile up at -1, 0 and 1; softsign units lie around the knees at 0.6 to 0.8.",
            "section 3.3, Figure 4: tanh has modes at ±1 and 0, softsign around ±(0.6 to 0.8)",
        ),
        _claim(
            "saturation",
            "figure-10-tanh-normalized-resembles-softsign",
            "Under the normalized initialization tanh layers saturate as those of softsign do.",
            "section 5, Figure 10: resembles softsign",
            "figure-10",
        ),
        _claim(
            "gradients",
            "gradients-drift-apart-under-standard",
            "The layers' weight gradients drift apart under the standard initialization, and not under the "
            "normalized one.",
            "section 4.2.2, Figure 9: standard larger in the lower layers, normalized together",
            "figure-9",
        ),
        _claim(
            "linear_theory",
            "linear-theory-serves-tanh-and-softsign",
            "The equations of the linear regime predict all layers of tanh and softsign at initialization.",
            "section 4.2.1, equations (5) and (6)",
        ),
        _claim(
            "linear_theory",
            "per-image-theory-serves-tanh-and-softsign",
            "Theory that follows each image through the layers predicts tanh and softsign at initialization.",
            "section 4.2.1 takes activations as linear; this theory is what `xavier probe` shows",
        ),
        _claim(
            "linear_theory",
            "linear-theory-along-training",
            "The equations of the linear regime are off by so much for tanh and softsign after training.",
            "section 4.2.1: for initialization only, so this is an estimate",
        ),
        _claim(
            "initialization",
            "backprop-shrinks-under-standard",
            "Back-propagated gradients shrink from layer to layer under the standard initialization, and "
            "hardly under the normalized one.",
            "section 4.2.2, Figure 7: equation (15) makes the steps √3 under standard",
            "figure-7",
        ),
        _claim(
            "initialization",
            "activations-shrink-under-standard",
            "Activations shrink from layer to layer under the standard initialization, and far less under "
            "the normalized one.",
            "section 4.2.2, Figure 6: the peak at 0 grows with the layer under standard",
            "figure-6",
        ),
        _claim(
            "initialization",
            "weight-gradients-alike-at-start",
            "At initialization the weight gradients are about the same in all layers, under both "
            "initializations.",
            "section 4.2.2, Figure 8, equation (14)",
            "figure-8",
        ),
        _claim(
            "initialization",
            "jacobian-singular-values",
            "The layers' Jacobians have mean singular values near 0.8 under the normalized and 0.5 under the "
            "standard initialization.",
            "section 4.2.2: around 0.8 against 0.5",
        ),
        _claim(
            "errors",
            "tanh-normalized-beats-standard",
            "A deep tanh network has a lower error under the normalized initialization than under the "
            "standard one.",
            "Table 1, Shapeset: 15.60 % against 27.15 %",
        ),
        _claim(
            "errors",
            "normalized-gains-with-shrinking-layers",
            "The normalized initialization lowers the error of tanh networks whose layers shrink with depth.",
            "section 4.2.3: the same gains, without numbers",
        ),
        _claim(
            "errors",
            "normalized-gains-with-growing-layers",
            "The normalized initialization lowers the error of tanh networks whose layers grow with depth.",
            "section 4.2.3: the same gains, without numbers",
        ),
        _claim(
            "errors",
            "softsign-is-robust-to-initialization",
            "The choice of the initialization matters less to softsign than to tanh.",
            "section 5, Table 1, Shapeset: 0.21 points for softsign, 11.55 for tanh",
        ),
        _claim(
            "errors",
            "softsign-beside-tanh-normalized",
            "Softsign under the standard initialization does as well as tanh under the normalized one.",
            "Table 1, Shapeset: 16.27 % and 15.60 %, no significant difference",
        ),
        _claim(
            "svm",
            "finite-shapeset-beats-svm",
            "A deep tanh network under the normalized initialization beats an RBF-SVM on the same images.",
            "section 5: 50.47 % against 59.47 % with 100,000 examples",
        ),
        _claim(
            "errors",
            "pretraining-beats-none",
            "A deep network that was pre-trained without labels has a lower error than one that was not.",
            "section 5, Figure 11: near 11 % error, and near 16 % without",
        ),
        _claim(
            "errors",
            "second-order-helps-less-than-normalized",
            "Rates from second-order information help the standard initialization, but less than the "
            "normalized initialization does.",
            "section 5: with the diagonal of the Hessian, without numbers",
        ),
        _claim(
            "errors",
            "initialization-matters-less-with-normalization",
            "The choice of the initialization matters less to tanh networks whose layers are normalized.",
            "section 3 of Ioffe & Szegedy 2015: training is resilient to the scale of the parameters",
        ),
        _claim(
            "surface",
            "cross-entropy-is-steeper",
            "The cross-entropy loss is steeper than the quadratic one, with its half and without.",
            "section 4.1, Figure 5",
        ),
        _claim(
            "surface",
            "cross-entropy-has-fewer-plateaus",
            "The cross-entropy loss has fewer plateaus than the quadratic one, for one to three examples.",
            "section 4.1, Figure 5",
            "figure-5",
        ),
        _claim(
            "table",
            "table-1-order",
            "Three networks lead Table 1, tanh under the standard initialization follows, sigmoid is last.",
            "Table 1, Shapeset: 15.60, 16.06, 16.27, then 27.15, then 82.61 %",
        ),
        _claim(
            "table",
            "table-1-levels",
            "The distance of the errors from those of Table 1.",
            "Table 1, Shapeset: 16.27, 16.06, 27.15, 15.60, 82.61 %",
        ),
        _claim(
            "table",
            "table-1-bold",
            "The entries of Table 1 not significantly different from their column's best are the paper's.",
            "Table 1: p = 0.005; in bold on Shapeset softsign, softsign N and tanh N",
        ),
        _claim(
            "table",
            "figure-11-readings",
            "The distance of the error curves from those of Figure 11.",
            "Figure 11: after 5, 10 and 25 million examples",
        ),
        _claim(
            "later_work",
            "relu-at-depth-30-learns-under-he",
            "At depth 30 a ReLU network learns under the initialization made for ReLUs and stays at chance "
            "under the normalized one.",
            "Figure 3 of He et al. 2015: at 30 layers theirs converges, and the normalized one stalls",
        ),
        _claim(
            "later_work",
            "keras-default-beats-pytorchs",
            "At depth 10 a ReLU network has a lower error under the default initialization of Keras than "
            "under that of PyTorch.",
            "section 4.2.1, equations (15) and (16): PyTorch has the standard initialization, Keras the "
            "normalized one",
        ),
        _claim(
            "later_work",
            "orthogonal-learns-faster-at-depth-50",
            "At depth 50 a tanh network has a lower error from random orthogonal weights than from the "
            "normalized initialization, after as many updates.",
            "section 3 of Saxe et al. 2014: from orthogonal weights times to learn do not grow with depth",
        ),
        _claim(
            "later_work",
            "selus-come-to-variance-one",
            "Over 30 layers SELUs come to mean 0 and variance 1 under LeCun's normal initialization, not "
            "under the standard one or He's.",
            "section 2 of Klambauer et al. 2017: with weights of variance 1/n mean 0 and variance 1 attract",
        ),
        _claim(
            "later_work",
            "best-rate-falls-with-width",
            "The best learning rate of a wide network is lower than that of a narrow one.",
            "Figure 1 of Yang et al. 2021 (Tensor Programs V): under the standard parametrization the best "
            "rate moves with the width",
        ),
        _claim(
            "later_work",
            "gradients-turn-at-the-edge-of-chaos",
            "Whether the gradients of a deep tanh network vanish or explode follows from the variances of "
            "its weights and biases.",
            "Figure 1 of Schoenholz et al. 2017: they vanish in the ordered phase and explode in chaos",
        ),
        _claim(
            "custom_networks",
            "relu-convolutions-of-30-layers-learn-under-he",
            "At 30 layers a network of ReLU convolutions learns under He's initialization and stays at "
            "chance under Glorot's.",
            "Figure 3 of He et al. 2015: of 30 layers, 27 of them convolutions, theirs converges, and "
            "Glorot's stalls",
        ),
        _claim(
            "custom_networks",
            "residual-signals-explode-without-normalization",
            "Without normalization the signals of a residual network explode, and not from zeros as the "
            "branches' last weights.",
            "section 2 of Zhang et al. 2019: variance about doubles per block; zeros as in Goyal et al. 2017",
        ),
        _claim(
            "custom_networks",
            "pre-norm-gradients-fall-with-depth",
            "The gradient of a transformer's last layer falls with depth under pre-norm, and does not under "
            "post-norm.",
            "section 3.3 of Xiong et al. 2020, Theorem 1: at most O(d √ln d) under post-norm, whatever the "
            "depth L, and O(d √(ln d / L)) under pre-norm",
        ),
    )
}
