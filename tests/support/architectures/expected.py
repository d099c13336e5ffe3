"""The layers of each network as they were counted by hand, and what else its parameters are for.

A line is name, fan-in > fan-out, uses in a loop, + bias, functions. `OTHERS` are the parameters that are
neither weights nor biases: their number, a pattern of their names, and what they are.
"""

from __future__ import annotations

LAYERS: dict[str, str] = {
    "resnet.linen": """
        stem/kernel 27>144 relu
        stage0_block0/first/kernel 144>144 relu
        stage0_block0/second/kernel 144>144 relu
        stage0_block1/first/kernel 144>144 relu
        stage0_block1/second/kernel 144>144 relu
        stage0_block2/first/kernel 144>144 relu
        stage0_block2/second/kernel 144>144 relu
        stage1_block0/first/kernel 144>288 relu
        stage1_block0/second/kernel 288>288
        stage1_block0/shortcut/kernel 16>32 relu
        stage1_block1/first/kernel 288>288 relu
        stage1_block1/second/kernel 288>288 relu
        stage1_block2/first/kernel 288>288 relu
        stage1_block2/second/kernel 288>288 relu
        stage2_block0/first/kernel 288>576 relu
        stage2_block0/second/kernel 576>576
        stage2_block0/shortcut/kernel 32>64 relu
        stage2_block1/first/kernel 576>576 relu
        stage2_block1/second/kernel 576>576 relu
        stage2_block2/first/kernel 576>576 relu
        stage2_block2/second/kernel 576>576 relu
        head/kernel 64>10 +head/bias
    """,
    "resnet.nnx": """
        stem/kernel 27>144 relu
        blocks/0/first/kernel 144>144 relu
        blocks/0/second/kernel 144>144 relu
        blocks/1/first/kernel 144>144 relu
        blocks/1/second/kernel 144>144 relu
        blocks/2/first/kernel 144>144 relu
        blocks/2/second/kernel 144>144 relu
        blocks/3/first/kernel 144>288 relu
        blocks/3/second/kernel 288>288
        blocks/3/shortcut/kernel 16>32 relu
        blocks/4/first/kernel 288>288 relu
        blocks/4/second/kernel 288>288 relu
        blocks/5/first/kernel 288>288 relu
        blocks/5/second/kernel 288>288 relu
        blocks/6/first/kernel 288>576 relu
        blocks/6/second/kernel 576>576
        blocks/6/shortcut/kernel 32>64 relu
        blocks/7/first/kernel 576>576 relu
        blocks/7/second/kernel 576>576 relu
        blocks/8/first/kernel 576>576 relu
        blocks/8/second/kernel 576>576 relu
        head/kernel 64>10 +head/bias
    """,
    "vit.linen": """
        patches/kernel 192>1536 +patches/bias
        block0/attention/query/kernel 24>24 +block0/attention/query/bias
        block0/attention/key/kernel 24>24 +block0/attention/key/bias
        block0/attention/value/kernel 24>24 +block0/attention/value/bias
        block0/attention/out/kernel 24>24 +block0/attention/out/bias
        block0/up/kernel 24>48 +block0/up/bias gelu
        block0/down/kernel 48>24 +block0/down/bias
        block1/attention/query/kernel 24>24 +block1/attention/query/bias
        block1/attention/key/kernel 24>24 +block1/attention/key/bias
        block1/attention/value/kernel 24>24 +block1/attention/value/bias
        block1/attention/out/kernel 24>24 +block1/attention/out/bias
        block1/up/kernel 24>48 +block1/up/bias gelu
        block1/down/kernel 48>24 +block1/down/bias
        head/kernel 24>10 +head/bias
    """,
    "vit.equinox": """
        patches/weight 192>1536 +patches/bias
        blocks/0/attention/query_proj/weight 24>24
        blocks/0/attention/key_proj/weight 24>24
        blocks/0/attention/value_proj/weight 24>24
        blocks/0/attention/output_proj/weight 24>24
        blocks/0/up/weight 24>48 +blocks/0/up/bias gelu
        blocks/0/down/weight 48>24 +blocks/0/down/bias
        blocks/1/attention/query_proj/weight 24>24
        blocks/1/attention/key_proj/weight 24>24
        blocks/1/attention/value_proj/weight 24>24
        blocks/1/attention/output_proj/weight 24>24
        blocks/1/up/weight 24>48 +blocks/1/up/bias gelu
        blocks/1/down/weight 48>24 +blocks/1/down/bias
        head/weight 24>10 +head/bias
    """,
    "lstm.haiku": """
        lstm/linear/w 116>80 x32 +lstm/linear/b sigmoid tanh
        linear/w 20>10 +linear/b
    """,
    "lstm.equinox": """
        cell/weight_ih 96>80 x32
        cell/weight_hh 20>80 x32 sigmoid tanh
        head/weight 20>10 +head/bias
    """,
    "unet.nnx": """
        down1/kernel 27>72 +down1/bias relu
        down2/kernel 72>144 +down2/bias relu
        bottom/kernel 144>288 +bottom/bias relu
        up2/kernel 128>64 +up2/bias
        merge2/kernel 288>144 +merge2/bias relu
        up1/kernel 64>32 +up1/bias
        merge1/kernel 144>72 +merge1/bias relu
        head/kernel 8>10 +head/bias
    """,
    "unet.haiku": """
        down1/w 27>72 +down1/b relu
        down2/w 72>144 +down2/b relu
        bottom/w 144>288 +bottom/b relu
        up2/w 128>64 +up2/b
        merge2/w 288>144 +merge2/b relu
        up1/w 64>32 +up1/b
        merge1/w 144>72 +merge1/b relu
        head/w 8>10 +head/b
    """,
    "gru_linen": """
        cell/ir/kernel 24>7 x8 +cell/ir/bias
        cell/hr/kernel 7>7 x8 sigmoid
        cell/iz/kernel 24>7 x8 +cell/iz/bias
        cell/hz/kernel 7>7 x8 sigmoid
        cell/in/kernel 24>7 x8 +cell/in/bias
        cell/hn/kernel 7>7 x8 +cell/hn/bias tanh
        head/kernel 7>10 +head/bias
    """,
    "gru_equinox": """
        cell/weight_ih 24>21 x8 +cell/bias
        cell/weight_hh 7>21 x8 sigmoid tanh
        head/weight 7>10 +head/bias
    """,
    "lstm_linen": """
        cell/{hi,hf,hg,ho}/kernel 7>28 x8 +cell/hi/bias
        cell/{ii,if,ig,io}/kernel 24>28 x8 sigmoid tanh
        head/kernel 7>10 +head/bias
    """,
    "dense_general": """
        first/kernel 192>20 +first/bias tanh
        last/kernel 20>10 +last/bias
    """,
    "separable": """
        depthwise/kernel 9>18 +depthwise/bias
        pointwise/kernel 6>8 +pointwise/bias silu
        grouped/kernel 50>75 +grouped/bias
        head/kernel 12>10 +head/bias
    """,
    "normalized_weights": """
        first/kernel 192>9 +first/bias relu
        last/kernel 9>10 +last/bias
    """,
    "lora": """
        first/kernel 192>9 +first/bias
        first/lora/lora_a 192>2
        first/lora/lora_b 2>9 tanh
        last/kernel 9>10 +last/bias
    """,
    "scanned": """
        first/kernel 192>12 +first/bias
        blocks/up/kernel[0] 12>20 +blocks/up/bias gelu
        blocks/down/kernel[0] 20>12 +blocks/down/bias
        blocks/up/kernel[1] 12>20 +blocks/up/bias gelu
        blocks/down/kernel[1] 20>12 +blocks/down/bias
        blocks/up/kernel[2] 12>20 +blocks/up/bias gelu
        blocks/down/kernel[2] 20>12 +blocks/down/bias
        head/kernel 12>10 +head/bias
    """,
    "tied": """
        dense/kernel 12>12 +dense/bias tanh
        embed/embedding 12>10
    """,
    "experts": """
        first/kernel 192>12 +first/bias
        router/kernel 12>4
        up 12>80 relu
        down 80>12
        head/kernel 12>10 +head/bias
    """,
    "mixer": """
        patches/kernel 48>192 +patches/bias
        tokens_up/kernel 4>8 +tokens_up/bias gelu
        tokens_down/kernel 8>4 +tokens_down/bias
        channels_up/kernel 12>20 +channels_up/bias gelu
        channels_down/kernel 20>12 +channels_down/bias
        head/kernel 12>10 +head/bias
    """,
    "state_space": """
        B/kernel 24>6
        C/kernel 6>6 +C/bias gelu
        head/kernel 6>10 +head/bias
    """,
}
OTHERS: dict[str, tuple[int, str, str]] = {
    # 19 convolutions and 2 shortcuts, each with a normalization.
    "resnet.linen": (42, r"(.*/)?BatchNorm_\d/(scale|bias)", "normalization"),
    "resnet.nnx": (42, r"(.*/)?norm\d?/(scale|bias)", "normalization"),
    "vit.linen": (12, r"(.*/)?norm\d?/(scale|bias)|token|positions", "normalization, token, positions"),
    "vit.equinox": (
        12,
        r"(.*/)?norm\d?/(weight|bias)|token|positions",
        "normalization, token, positions",
    ),
    "normalized_weights": (1, "by_weight/first/kernel/scale", "the length of each unit's weights"),
    "scanned": (2, r"blocks/LayerNorm_0/(scale|bias)", "normalization"),
    "tied": (2, "embed/embedding|positions", "embedding, positions"),
    "mixer": (4, r"norm\d/(scale|bias)", "normalization"),
    "state_space": (2, "D|log_decay", "a diagonal, the decay of each state"),
}
SHARED_BIASES = {
    "lstm.equinox": {"cell/bias"},
    "gru_equinox": {"cell/bias_n"},
    "lstm_linen": {"cell/hf/bias", "cell/hg/bias", "cell/ho/bias"},
}
"""Biases of a sum of layers, of a gate alone, or joined to the one that the layer names."""
