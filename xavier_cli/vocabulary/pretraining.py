"""Lists the methods of unsupervised pre-training by name, as data; standard library only."""

from __future__ import annotations

from xavier_cli.vocabulary.entry import Parameter, PretrainingEntry

PRETRAININGS = {
    row.name: row
    for row in (
        PretrainingEntry("none", "weights stay as they are initialized", ""),
        PretrainingEntry(
            "dae",
            "denoising auto-encoders: masking noise, tied weights",
            "section 2.3 and Figure 11; Vincent et al. 2008",
            parameters=(Parameter("noise", 0.25, "the share of inputs set to 0", low=0, high=0.99),),
            aliases=("autoencoder", "denoising_autoencoder", "sdae"),
        ),
        PretrainingEntry(
            "rbm",
            "restricted Boltzmann machines: contrastive divergence",
            "section 3.1; Hinton et al. 2006",
            parameters=(
                Parameter("steps", 1.0, "Gibbs steps of the chain", low=1, high=1000, whole=True),
                Parameter(
                    "visible",
                    "auto",
                    "the units that stand for pixels",
                    choices=("auto", "binary", "gaussian"),
                ),
            ),
            aliases=("dbn", "RBM"),
        ),
    )
}
