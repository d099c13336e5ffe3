"""Lists where the official files of a data set can be downloaded, with their sizes and checksums."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from xavier_cli.data.mnist import FASHION_MD5, TEST_IMAGES, TEST_LABELS, TRAIN_IMAGES, TRAIN_LABELS


@dataclass(frozen=True)
class Remote:
    """Files by name with their MD5, as published; every one of `mirrors` has all of them.

    `folder` is where they belong among the fetched sets, so that files of one name never mix.
    """

    folder: str
    files: Mapping[str, str]
    mirrors: tuple[str, ...]


REMOTES = {
    "mnist": Remote(
        "mnist",
        {
            f"{TRAIN_IMAGES}.gz": "f68b3c2dcbeaaa9fbdd348bbdeb94873",
            f"{TRAIN_LABELS}.gz": "d53e105ee54ea40749a09fcbcd1e9432",
            f"{TEST_IMAGES}.gz": "9fb629c4189551a2d022fa330f9573f3",
            f"{TEST_LABELS}.gz": "ec29112dd5afa0611ce80d1b7f02629c",
        },
        (
            "https://ossci-datasets.s3.amazonaws.com/mnist/",
            "https://storage.googleapis.com/cvdf-datasets/mnist/",
            "http://yann.lecun.com/exdb/mnist/",
        ),
    ),
    "cifar10": Remote(
        "cifar10",
        {"cifar-10-binary.tar.gz": "c32a1d4ab5d03f1284b67883e8d87530"},
        (
            "https://www.cs.toronto.edu/~kriz/",
            "https://web.archive.org/web/2id_/https://www.cs.toronto.edu/~kriz/",
        ),
    ),
    "fashion_mnist": Remote(
        "fashion-mnist",
        {f"{name}.gz": md5 for name, md5 in FASHION_MD5.items()},
        (
            "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
            "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
        ),
    ),
}
