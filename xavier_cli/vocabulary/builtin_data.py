"""The data sets that have a name of their own, as data: sizes, classes, and who reads or generates them.

Standard library only.
"""

from __future__ import annotations

from xavier_cli.vocabulary.entry import DataSetEntry

DATA_SETS = {
    word.name: word
    for word in (
        DataSetEntry(
            "shapeset",
            "Shapeset-3×2: one or two of triangle, parallelogram, ellipse; generated, an infinite stream",
            "xavier_cli.data.shapeset:images",
            inputs=32 * 32,
            classes=9,
            coding=(-1.0, 1.0),
            top_class=1 / 6,
            labels=(
                "tri",
                "quad",
                "ell",
                "tri+quad",
                "quad+ell",
                "tri+ell",
                "tri+tri",
                "quad+quad",
                "ell+ell",
            ),
            shape=(32, 32),
            written="Shapeset",
        ),
        DataSetEntry(
            "mnist",
            "MNIST handwritten digits",
            "xavier_cli.data.mnist:read",
            inputs=28 * 28,
            classes=10,
            coding=(0.0, 1.0),
            top_class=0.1135,
            labels=tuple("0123456789"),
            shape=(28, 28),
            sizes=(50_000, 10_000, 10_000),
            locate="xavier_cli.data.mnist:source",
            written="MNIST",
        ),
        DataSetEntry(
            "cifar10",
            "CIFAR-10 colour photographs",
            "xavier_cli.data.cifar:read",
            inputs=3 * 32 * 32,
            classes=10,
            coding=(0.0, 1.0),
            top_class=0.1,
            labels=(
                "airplane",
                "automobile",
                "bird",
                "cat",
                "deer",
                "dog",
                "frog",
                "horse",
                "ship",
                "truck",
            ),
            shape=(3, 32, 32),
            sizes=(40_000, 10_000, 10_000),
            locate="xavier_cli.data.cifar:source",
            is_slow_to_decode=True,
            aliases=("cifar-10", "CIFAR-10", "CIFAR10"),
            written="CIFAR-10",
        ),
        DataSetEntry(
            "fashion_mnist",
            "Fashion-MNIST pictures of clothes",
            "xavier_cli.data.mnist:read_fashion",
            inputs=28 * 28,
            classes=10,
            coding=(0.0, 1.0),
            top_class=0.1,
            labels=(
                "t-shirt",
                "trouser",
                "pullover",
                "dress",
                "coat",
                "sandal",
                "shirt",
                "sneaker",
                "bag",
                "boot",
            ),
            shape=(28, 28),
            sizes=(50_000, 10_000, 10_000),
            locate="xavier_cli.data.mnist:fashion_source",
            aliases=("fashion-mnist", "Fashion-MNIST", "FashionMNIST"),
            written="Fashion-MNIST",
        ),
    )
}
