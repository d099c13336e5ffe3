import math
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from xavier_cli.data import shapeset

KEY = jax.random.key(2010)
BULK = 60_000
CHUNK = 2_000
SHARES = [1 / 6] * 3 + [1 / 9] * 3 + [1 / 18] * 3  # PAPER §1.1: three singles, three mixed pairs, three equal ones

draw_images = jax.jit(shapeset.images, static_argnums=2)
draw_scenes = jax.jit(shapeset.scenes, static_argnums=2)


# --- the slow twin: explicit corners, float64, one object at a time ----------------------------------------------


def regular_polygon(n):
    """Corners `(n, 2)` on the circle of radius ½, its base level."""
    angle = 2 * np.pi * (np.arange(n) / n + 1 / (2 * n) + 1 / 4)
    return 0.5 * np.stack([np.cos(angle), np.sin(angle)], axis=1)


def turned(corners, angle):
    c, s = math.cos(angle), math.sin(angle)
    return corners @ np.array([[c, s], [-s, c]])


def corners_of(scene, i, k):
    pose = [float(a[k, i]) for a in scene.pose]
    corners = regular_polygon(shapeset.VERTICES[int(scene.form.kind[k, i])])
    return corners @ np.array([[pose[0], pose[2]], [pose[1], pose[3]]]) + pose[4:]


def polygon_area(corners):
    x, y = corners.T
    return 0.5 * abs(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1)))


def covered(corners):
    """`(32, 32)` bool: pixel centres inside the convex polygon, by the side of every edge they lie on."""
    y, x = np.mgrid[0:32, 0:32] + 0.5
    edge = np.roll(corners, -1, axis=0) - corners
    side = [ex * (y - cy) - ey * (x - cx) for (cx, cy), (ex, ey) in zip(corners, edge, strict=True)]
    return np.all(np.array(side) >= 0, axis=0) | np.all(np.array(side) <= 0, axis=0)


def painted(scene, i):
    image = np.full((32, 32), int(scene.background[i]))
    for k in range(2):
        if scene.present[k, i]:
            image[covered(corners_of(scene, i, k))] = int(scene.grey[k, i])
    return image.reshape(-1)


def too_much_hidden(back, front):
    """The paper's overlap rule on corners: `back` and `front` are (corners, centre)."""
    (back, back_centre), (front, front_centre) = back, front
    line = front_centre - back_centre
    d = np.linalg.norm(line)
    p = ((back - back_centre) @ line).max() / d + ((front - front_centre) @ -line).max() / d
    return p >= d and polygon_area(front) / polygon_area(back) * (1 - 2 ** (-(p - d) / d)) > 0.5


def placed(kind, before, turn, words):
    """Corners and centre from a random block, step by step in the order of PAPER §1.1."""
    one, other, across, down = ((int(h) + 0.5) / 65536 for w in words for h in (w >> 16, w & 0xFFFF))
    sx, sy = sorted((32 * (0.2 + 0.6 * one), 32 * (0.2 + 0.6 * other)), reverse=True)
    corners = turned(regular_polygon(shapeset.VERTICES[kind]), before) * [sx, sy]
    corners = turned(turned(corners, -math.atan(sy / sx * math.tan(before))), turn)
    low, high = 1 - corners.min(axis=0), 31 - corners.max(axis=0)
    centre = low + (high - low) * [across, down]
    return corners + centre, centre


def words_of(key, columns, count):
    blocks = jax.vmap(lambda c: jax.vmap(partial(jax.random.fold_in, jax.random.fold_in(key, c)))(jnp.arange(count)))
    return np.asarray(jax.random.key_data(blocks(jnp.arange(columns))))


# --- bulk statistics ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def bulk():
    """60,000 images: pixels, labels and the scenes they show, in NumPy."""
    chunks = [
        jax.tree.map(np.asarray, (draw_images(KEY, i, CHUNK), draw_scenes(KEY, i, CHUNK)))
        for i in range(0, BULK, CHUNK)
    ]
    pixels, labels = (np.concatenate([c[0][k] for c in chunks]) for k in range(2))
    scene = jax.tree.map(lambda *a: np.concatenate(a, axis=-1), *(c[1] for c in chunks))
    return pixels, labels, scene


def test_classes_come_as_often_as_two_uniform_draws_make_them(bulk):
    _, labels, _ = bulk
    share = np.bincount(labels, minlength=9) / BULK

    sd = np.sqrt(np.array(SHARES) * (1 - np.array(SHARES)) / BULK)
    assert np.all(np.abs(share - SHARES) < 4.5 * sd)


def test_label_names_the_objects_that_are_there(bulk):
    _, labels, scene = bulk
    names = ["0", "1", "2", "01", "12", "02", "00", "11", "22"]
    kinds = scene.form.kind.T

    expected = [
        "".join(map(str, sorted(kind[: 1 + two]))) for kind, two in zip(kinds, scene.present[1], strict=True)
    ]
    assert [names[label] for label in labels] == expected


def test_objects_have_the_papers_areas(bulk):
    _, _, scene = bulk
    areas = np.asarray(shapeset.area(scene.form.kind, shapeset.Pose(*scene.pose)))[scene.present]

    assert areas.mean() == pytest.approx(123, abs=1.5)
    assert np.percentile(areas, [5, 50, 95]) == pytest.approx([35, 103, 284], abs=3)


def test_second_objects_hide_a_tenth_of_the_first_where_they_overlap(bulk):
    _, _, scene = bulk
    pairs = np.flatnonzero(scene.present[1])[:10_000]
    one = jax.tree.map(lambda a: a[..., pairs], scene)
    masks = []
    for k in range(2):
        begin, end = shapeset.spans(one.form.kind[k], one.present[k], shapeset.Pose(*(a[k] for a in one.pose)))
        x = np.arange(32)
        masks.append((x >= np.asarray(begin)[..., None]) & (x <= np.asarray(end)[..., None]))
    both = (masks[0] & masks[1]).sum((1, 2))
    print((both > 0).mean(), (both / masks[0].sum((1, 2))).mean(), (both/masks[1].sum((1,2))).mean(),
      (both / masks[0].sum((1, 2)))[both>0].mean(), (both / (masks[0]|masks[1]).sum((1, 2))).mean(), (both/np.minimum(masks[0].sum((1,2)),masks[1].sum((1,2)))).mean())


def test_coded_pixels_have_the_moments_of_statistics_2(bulk):
    pixels, _, _ = bulk
    coded = pixels.astype(np.float32) * (2 / 255) - 1
    square = (coded**2).mean(axis=1)

    assert square.mean() == pytest.approx(0.3715, abs=0.005)
    assert coded.var(axis=1).mean() == pytest.approx(0.179, abs=0.004)
    assert square.std() == pytest.approx(0.25, abs=0.01)


def test_no_object_is_cut_or_touches_the_border(bulk):
    pixels, _, scene = bulk
    border = np.ones((32, 32), dtype=bool)
    border[1:-1, 1:-1] = False

    assert np.all(pixels[:, border.reshape(-1)] == scene.background[:, None])


def test_greys_lie_in_opposite_bands_and_differ(bulk):
    _, _, scene = bulk
    dark = scene.background <= 114
    (back, front) = scene.grey

    assert dark.mean() == pytest.approx(0.5, abs=0.01)
    assert set(np.unique(scene.background)) == {*range(115), *range(140, 256)}
    for grey in (back, front):
        assert set(np.unique(grey[dark])) == set(range(140, 256))
        assert set(np.unique(grey[~dark])) == set(range(115))
    assert np.all(back != front)


def test_whole_turn_has_255_steps(bulk):
    _, _, scene = bulk
    step = np.arctan2(scene.form.turn_sin, scene.form.turn_cos) / (2 * np.pi) * 255

    assert np.abs(step - np.rint(step)).max() < 1e-3
    count = np.bincount(np.rint(step).astype(int).ravel() % 255, minlength=255)
    assert len(count) == 255
    assert np.sum((count - count.mean()) ** 2) / count.mean() == pytest.approx(254, abs=5 * math.sqrt(2 * 254))


def test_first_rotation_stays_within_half_a_symmetry_sector(bulk):
    _, _, scene = bulk
    angle = np.arctan2(scene.form.before_sin, scene.form.before_cos)

    for kind, n in enumerate(shapeset.VERTICES):
        share = angle[scene.form.kind == kind] * n / np.pi
        assert np.abs(share).max() < 1
        assert np.abs(share).mean() == pytest.approx(0.5, abs=0.01)


# --- two ways, same answer ---------------------------------------------------------------------------------------


def test_pixels_equal_the_point_in_polygon_twins():
    count = 1500
    scene = jax.tree.map(np.asarray, draw_scenes(KEY, 0, count))
    pixels = np.asarray(draw_images(KEY, 0, count)[0])
    twin = np.stack([painted(scene, i) for i in range(count)])

    assert np.mean(pixels == twin) >= 0.9999


def test_scenes_equal_the_twin_that_tries_round_after_round():
    count = 1000
    scene = jax.tree.map(np.asarray, draw_scenes(KEY, 0, count))
    words = words_of(KEY, 3 + shapeset.REJECTIONS, count)
    before = np.arctan2(scene.form.before_sin, scene.form.before_cos).astype(float)
    turn = np.arctan2(scene.form.turn_sin, scene.form.turn_cos).astype(float)
    contents = (words[0, :, 0] >> 16) * 36 >> 16
    two = contents & 2 == 2
    worst = 0.0
    disagree = 0
    for i in range(count):
        form = [(int(scene.form.kind[k, i]), before[k, i], turn[k, i]) for k in range(2)]
        back = placed(*form[0], words[2, i])
        worst = max(worst, np.abs(back[0] - corners_of(scene, i, 0)).max())
        if not two[i]:
            continue
        tries, front = 0, placed(*form[1], words[3, i])
        while tries < shapeset.REJECTIONS and too_much_hidden(back, front):
            tries += 1
            front = placed(*form[1], words[3 + min(tries, shapeset.REJECTIONS - 1), i])
        disagree += tries != scene.tries[i]
        assert scene.present[1, i] == (tries < shapeset.REJECTIONS)
        if tries == scene.tries[i] < shapeset.REJECTIONS:
            worst = max(worst, np.abs(front[0] - corners_of(scene, i, 1)).max())

    assert np.array_equal(np.stack([contents >> 2, contents >> 2]) // [[3], [1]] % 3, scene.form.kind)
    assert np.array_equal(scene.present[1], two)
    assert scene.tries.max() >= 6  # the second pass over those that still wait was needed
    assert disagree == 0
    assert worst < 1e-4


def test_area_and_support_are_those_of_the_corners():
    scene = draw_scenes(KEY, 77, 100)
    area = np.asarray(shapeset.area(scene.form.kind, scene.pose))
    direction = np.random.default_rng(0).normal(size=(100, 2)).astype(np.float32)
    for kind, n in enumerate(shapeset.VERTICES):
        reach = shapeset.support(jnp.full(100, kind), jnp.asarray(direction[:, 0]), jnp.asarray(direction[:, 1]))
        assert np.allclose(reach, (regular_polygon(n) @ direction.T).max(axis=0), atol=1e-5)

    scene = jax.tree.map(np.asarray, scene)
    expected = [[polygon_area(corners_of(scene, i, k)) for i in range(100)] for k in range(2)]
    assert np.allclose(area, expected, rtol=1e-4)


# --- a stream is a function of key and number --------------------------------------------------------------------


@pytest.mark.parametrize(("first", "count"), [(0, 1), (1, 7), (193, 333)])
def test_any_chunk_of_a_stream_is_the_same_bytes(bulk, first, count):
    pixels, labels, scene = bulk
    chunk_pixels, chunk_labels = draw_images(KEY, first, count)

    assert np.array_equal(chunk_pixels, pixels[first : first + count])
    assert np.array_equal(chunk_labels, labels[first : first + count])
    for part, whole in zip(
        jax.tree.leaves(draw_scenes(KEY, first, count)), jax.tree.leaves(scene), strict=True
    ):
        assert np.array_equal(part, whole[..., first : first + count])


def test_other_keys_draw_other_images(bulk):
    pixels, _, _ = bulk
    other = np.asarray(draw_images(jax.random.key(2011), 0, CHUNK)[0])

    assert np.mean(np.all(other == pixels[:CHUNK], axis=1)) < 0.01


def test_raw_keys_and_traced_starts_inside_loops_give_the_same_bytes(bulk):
    pixels, labels, _ = bulk

    @jax.jit
    def mapped(key):
        starts = jnp.arange(3, dtype=jnp.int32) * 100
        return jax.lax.map(lambda first: shapeset.images(key, first, 100), starts)

    with jax.numpy_dtype_promotion("strict"), jax.numpy_rank_promotion("raise"):
        chunk_pixels, chunk_labels = mapped(jax.random.key_data(KEY))
    assert np.array_equal(chunk_pixels.reshape(300, -1), pixels[:300])
    assert np.array_equal(chunk_labels.reshape(300), labels[:300])


def test_shards_give_the_same_bytes(bulk):
    pixels, _, _ = bulk
    mesh = jax.make_mesh((1,), ("seed",), axis_types=(jax.sharding.AxisType.Auto,))
    spec = jax.sharding.PartitionSpec("seed")

    sharded = jax.jit(
        jax.shard_map(lambda first: shapeset.images(KEY, first[0], 100)[0], mesh=mesh, in_specs=spec, out_specs=spec)
    )
    assert np.array_equal(sharded(jnp.array([50])), pixels[50:150])


def test_an_object_without_a_place_is_given_up_and_leaves_the_label(monkeypatch):
    monkeypatch.setattr(shapeset, "LARGEST_OVERLAP", -1.0)
    pixels, labels = shapeset.images(KEY, 0, 64)
    scene = jax.tree.map(np.asarray, shapeset.scenes(KEY, 0, 64))

    lost = scene.tries == shapeset.REJECTIONS
    assert lost.any()
    assert not scene.present[1][lost].any()
    assert np.array_equal(np.asarray(labels)[lost], scene.form.kind[0][lost])
    assert all(len(np.unique(image)) == 2 for image in np.asarray(pixels)[lost])
