"""TEMPORARY"""

from xavier_cli.findings.drawn_from import drawn_from
from xavier_cli.vocabulary.network_info import Drawn


def describe(info, draws, layer_draws):
    def d(values, fans):
        f = drawn_from(values, fans)
        return Drawn(
            names=f.names, fans=f.fans, is_certain=f.is_certain, mean=f.mean, std=f.std, bound=f.bound
        )

    return info.model_copy(
        update={
            "layers": tuple(
                l.model_copy(update={"drawn": d(w, [(l.fan_in, l.fan_out)])})
                for l, w in zip(info.layers, layer_draws)
            ),
            "parameters": tuple(
                p.model_copy(update={"drawn": d(draws[p.name], [(1, 1)])}) for p in info.parameters
            ),
        }
    )
