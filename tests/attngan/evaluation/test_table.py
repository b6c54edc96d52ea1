"""What is printed of each kind of generator, letter by letter, and that it is ready for JSON."""

# ruff: noqa: E501

from __future__ import annotations

import json
from dataclasses import replace

from attngan.evaluation.image_report import Figures, ImageReport, Judgement
from attngan.evaluation.memorisation import Memorisation
from attngan.evaluation.nearest import Nearest
from attngan.evaluation.prompt_report import REAL as REAL_COLUMN
from attngan.evaluation.prompt_report import PromptReport
from attngan.evaluation.prompt_report import Scores as PromptScores
from attngan.evaluation.sentence_report import REAL, TRAINING, Scores, SentenceReport
from attngan.evaluation.table import name_columns, table_lines
from attngan.evaluation.variety import Variety
from attngan.features.extractor import EFFICIENTNET, OPEN_NSFW, Extractor
from attngan.metrics.closeness import Closeness, Share
from attngan.metrics.estimate import Estimate
from attngan.metrics.keyword_coverage import Coverage
from attngan.metrics.obedience import Obedience

COPIES = Memorisation(
    Closeness(
        Share(0.62, 0.02, 500, 0.5), Share(0.05, 0.01, 500, 0.05), Share(1.0, 0.0, 500, 2 / 3), 8.126, 9.5, 4.2
    ),
    Closeness(Share(0.5, 0.03, 500, 0.5), None, None, 12.0, 13.25, None),
    500, 60, 1200, "pixels", (Nearest(*[None] * 2),) * 2,
)  # fmt: skip
REAL_PICTURES = Figures(Estimate(-0.00012, 0.0003, 2000), 9.1, 0.901, 0.902, 1.003, 0.965)
PICTURES = ImageReport(
    (
        Judgement(EFFICIENTNET, Figures(Estimate(0.00571, 0.00062, 2000), 31.2, 0.71, 0.52, 0.843, 0.7), REAL_PICTURES),
        Judgement(OPEN_NSFW, Figures(Estimate(0.5, 0.1, 2000), 1931.256, 0.6, 0.5, 0.4, 0.3), REAL_PICTURES),
    ),
    2000,
    COPIES,
)


PRINTED_PICTURES = """\
                                      EfficientNet-Lite0                             Open NSFW
                            generated  real against real          generated  real against real
KID                   0.0057 ± 0.0006   -0.0001 ± 0.0003    0.5000 ± 0.1000   -0.0001 ± 0.0003
FID                             31.20               9.10            1931.26               9.10
precision (k = 3)               0.710              0.901              0.600              0.901
recall (k = 3)                  0.520              0.902              0.500              0.902
density (k = 5)                 0.843              1.003              0.400              1.003
coverage (k = 5)                0.700              0.965              0.300              0.965
KID, FID: lower is better; the others: higher is better. Real against real is what chance alone gives.
Nearer to a training picture than the median held-out one is: 62.0 % ± 2.0 % of 500; 50 % without copies (features: pixels)
2,000 pictures on each side, features: EfficientNet-Lite0 (ImageNet, 1,280 values); Open NSFW (ImageNet, then unsafe pictures or not; 1,024 values). Not comparable with figures at another number or in other features, Inception's among them"""


def test_pictures() -> None:
    assert str(PICTURES) == PRINTED_PICTURES
    figures = json.loads(json.dumps(PICTURES.as_dict()))
    names = [
        "kid", "kid_error", "fid", "precision", "recall", "density", "coverage",
        "real_kid", "real_kid_error", "real_fid", "real_precision", "real_recall", "real_density", "real_coverage",
        "features",
    ]  # fmt: skip
    assert list(figures) == [*names, *(f"open_nsfw_{name}" for name in names), "samples", "memorisation"]
    assert (figures["kid"], figures["real_kid_error"], figures["coverage"]) == (0.00571, 0.0003, 0.7)
    assert (figures["open_nsfw_kid"], figures["open_nsfw_real_fid"], figures["open_nsfw_coverage"]) == (0.5, 9.1, 0.3)
    assert figures["memorisation"]["closer_than_median"] == 0.62


def test_pictures_that_one_alone_judges() -> None:
    seen = ImageReport(PICTURES.judgements[1:], 2000)
    lines = seen.lines()
    assert lines[0].split() == ["Open", "NSFW"] and lines[2].split()[1:4] == ["0.5000", "±", "0.1000"]
    assert lines[9].startswith("EfficientNet-Lite0 does not judge here") and "EfficientNet" not in lines[10]
    assert "kid" not in seen.as_dict() and "open_nsfw_kid" in seen.as_dict() and "memorisation" not in seen.as_dict()
    own = ImageReport((replace(PICTURES.judgements[0], judge=Extractor("mine", None, len)),), 2000)
    assert "features: mine. " in own.lines()[-1] and own.lines()[0].split() == ["mine"]
    assert "does not judge" not in str(own) and own.as_dict()["features"] == "mine"


SHARE, NONE = Estimate(0.25, 0.031, 702), Estimate(0.01, 0.0, 702)
COLUMNS = {
    "runs/a-very-long-name": PromptScores(
        Estimate(0.0312, 0.0011, 702), SHARE, SHARE, SHARE, SHARE, NONE, 12, Estimate(0.5, 0.01, 702), SHARE
    ),
    "real pictures": PromptScores(Estimate(0.0005, 0.0004, 702), SHARE, SHARE, SHARE, SHARE, NONE),
    "chance": PromptScores(None, NONE, NONE, NONE, NONE, NONE),
}
PARTLY = {name: PromptScores(r_precision=scores.r_precision, kid=scores.kid) for name, scores in COLUMNS.items()}
OBEYED = {
    "runs/a-very-long-name-which-is-longer-still": Obedience(
        Estimate(36.84, 2.6, 100), Estimate(15.3, 1.1, 100), Estimate(2.4, 0.17, 100), None, None
    ),
    "real pictures": Obedience(None, Estimate(1535.3, 111.1, 100), None, None, Estimate(-0.5, 0.25, 100)),
}
PROMPTS = PromptReport(
    {"held-out": COLUMNS, "new words": PARTLY, "given": COLUMNS},
    {"held-out": {"skin tone": OBEYED}, "given": {}}, {"held-out": 1702, "new words": 30, "given": 9},
    {"held-out": 1181, "new words": 12, "given": 3}, (EFFICIENTNET, OPEN_NSFW),
    {
        "runs/a-very-long-name": Variety(Estimate(9.5, 0.5, 50), Estimate(0.625, 0.03, 50), Estimate(2.0, 0.25, 50)),
        REAL_COLUMN: Variety(Estimate(15.2, 0.5, 50), None, None),
    },
)  # fmt: skip


PRINTED_PROMPTS = """\
held-out: 1,702 prompts, 1,181 concepts   a-very-long-name     real pictures            chance
  KID, EfficientNet-Lite0                  0.0312 ± 0.0011   0.0005 ± 0.0004                 -
  KID, Open NSFW                           0.5000 ± 0.0100                 -                 -
  R-precision, 1 caption in 100             25.0 % ± 3.1 %    25.0 % ± 3.1 %     1.0 % ± 0.0 %
  picture first for its caption             25.0 % ± 3.1 %    25.0 % ± 3.1 %     1.0 % ± 0.0 %
  among the first 5                         25.0 % ± 3.1 %    25.0 % ± 3.1 %     1.0 % ± 0.0 %
  among the first 10                        25.0 % ± 3.1 %    25.0 % ± 3.1 %     1.0 % ± 0.0 %
  R-precision, captions shuffled             1.0 % ± 0.0 %     1.0 % ± 0.0 %     1.0 % ± 0.0 %
  nearer to training than the real one      25.0 % ± 3.1 %                 -                 -
  prompts with unknown words                            12                 -                 -
new words: 30 prompts, 12 concepts        a-very-long-name     real pictures            chance
  KID, EfficientNet-Lite0                  0.0312 ± 0.0011   0.0005 ± 0.0004                 -
  KID, Open NSFW                                         -                 -                 -
  R-precision, 1 caption in 100             25.0 % ± 3.1 %    25.0 % ± 3.1 %     1.0 % ± 0.0 %
given: 9 prompts, 3 concepts              a-very-long-name     real pictures            chance
  KID, EfficientNet-Lite0                  0.0312 ± 0.0011   0.0005 ± 0.0004                 -
  KID, Open NSFW                           0.5000 ± 0.0100                 -                 -
  R-precision, 1 caption in 100             25.0 % ± 3.1 %    25.0 % ± 3.1 %     1.0 % ± 0.0 %
  picture first for its caption             25.0 % ± 3.1 %    25.0 % ± 3.1 %     1.0 % ± 0.0 %
  among the first 5                         25.0 % ± 3.1 %    25.0 % ± 3.1 %     1.0 % ± 0.0 %
  among the first 10                        25.0 % ± 3.1 %    25.0 % ± 3.1 %     1.0 % ± 0.0 %
  R-precision, captions shuffled             1.0 % ± 0.0 %     1.0 % ± 0.0 %     1.0 % ± 0.0 %
  nearer to training than the real one      25.0 % ± 3.1 %                 -                 -
  prompts with unknown words                            12                 -                 -
held-out, one word changed: change               pairs         there     elsewhere         ratio     by chance     agreement
  skin tone: runs/a-very-long-name-whi             100    36.8 ± 2.6    15.3 ± 1.1   2.40 ± 0.17             -             -
  skin tone: real pictures                           -             -  35.3 ± 111.1             -             -  -0.50 ± 0.25
given, one word changed: change                  pairs         there     elsewhere         ratio     by chance     agreement
variety                                   a-very-long-name     real pictures
  distance of pictures of one tag              9.50 ± 0.50      15.20 ± 0.50
  over that of real pictures                 0.625 ± 0.030                 -
  distance of those of one caption             2.00 ± 0.25                 -
compositions: held-out prompts of which training read every word elsewhere; new words: the other ones.
given: it is not known which of these concepts training showed
KID: lower is better. The others: higher is better; R-precision counts from that of shuffled captions on.
Nearer to training: well above 50 % on held-out prompts are copies; well below, pictures unlike real ones.
Variety: 1 over that of real pictures is as varied as they are; flaws count as variety.
Changes are in levels of 255, where the real pictures of both prompts differ, and elsewhere; same seed.
± is one standard error, by concepts but for KID and variety. Features: EfficientNet-Lite0 (ImageNet, 1,280 values); Open NSFW (ImageNet, then unsafe pictures or not; 1,024 values); matchers and distances: on Open NSFW; not comparable with figures in others"""


def test_prompts() -> None:
    assert str(PROMPTS) == PRINTED_PROMPTS
    assert json.loads(json.dumps(PROMPTS.as_dict()))["scores"]["held-out"]["real pictures"]["kid"] == {
        "value": 0.0005, "error": 0.0004, "n": 702
    }  # fmt: skip


def by_order(*values: float) -> dict[int, Estimate | None]:
    return {n: Estimate(value, value / 20, 9) for n, value in enumerate(values, 2)}


COVERAGE = Coverage(Estimate(0.9, 0.05, 9), Estimate(0.5, 0.1, 9), None, Estimate(0.1, 0.02, 9))
WRITTEN = Scores(
    by_order(0.75, 0.5, 0.3, 0.1), by_order(0.8, 0.6, 0.4, 0.2), {1: 0.25, 2: 0.5, 3: None}, Estimate(11.25, 0.17, 9),
    Estimate(0.004, 0.002, 9), Estimate(0.0123, 0.001, 9), 0.4447, COVERAGE, 3.14159,
)  # fmt: skip
BY_PEOPLE = replace(WRITTEN, memorised=None, coverage=None, nll=None, distinct={1: 0.5, 2: 0.6, 3: None})
SENTENCES = SentenceReport(
    {
        "without key words": {
            "a-generator-of-a-long-name": replace(WRITTEN, coverage=None), REAL: BY_PEOPLE, TRAINING: BY_PEOPLE
        },
        "from key words": {"a-generator-of-a-long-name": WRITTEN, REAL: BY_PEOPLE},
    },
    1000, 12345, 0.7,
)  # fmt: skip


PRINTED_SENTENCES = """\
without key words: 1,000 sentences     -of-a-long-name  real sentences   training text
  BLEU-2                                 0.750 ± 0.037   0.750 ± 0.037   0.750 ± 0.037
  BLEU-3                                 0.500 ± 0.025   0.500 ± 0.025   0.500 ± 0.025
  BLEU-4                                 0.300 ± 0.015   0.300 ± 0.015   0.300 ± 0.015
  BLEU-5                                 0.100 ± 0.005   0.100 ± 0.005   0.100 ± 0.005
  Self-BLEU-2                            0.800 ± 0.040   0.800 ± 0.040   0.800 ± 0.040
  Self-BLEU-3                            0.600 ± 0.030   0.600 ± 0.030   0.600 ± 0.030
  Self-BLEU-4                            0.400 ± 0.020   0.400 ± 0.020   0.400 ± 0.020
  Self-BLEU-5                            0.200 ± 0.010   0.200 ± 0.010   0.200 ± 0.010
  distinct-1                                     0.250           0.500           0.500
  distinct-2                                     0.500           0.600           0.600
  words and marks                           11.2 ± 0.2      11.2 ± 0.2      11.2 ± 0.2
  word for word in the training text       0.4 ± 0.2 %               -               -
  kernel distance                      0.0123 ± 0.0010 0.0123 ± 0.0010 0.0123 ± 0.0010
  Fréchet distance                              0.4447          0.4447          0.4447
  −log p of test sentences, per token            3.142               -               -
from key words: 1,000 sentences        -of-a-long-name  real sentences
  BLEU-2                                 0.750 ± 0.037   0.750 ± 0.037
  BLEU-3                                 0.500 ± 0.025   0.500 ± 0.025
  BLEU-4                                 0.300 ± 0.015   0.300 ± 0.015
  BLEU-5                                 0.100 ± 0.005   0.100 ± 0.005
  Self-BLEU-2                            0.800 ± 0.040   0.800 ± 0.040
  Self-BLEU-3                            0.600 ± 0.030   0.600 ± 0.030
  Self-BLEU-4                            0.400 ± 0.020   0.400 ± 0.020
  Self-BLEU-5                            0.200 ± 0.010   0.200 ± 0.010
  distinct-1                                     0.250           0.500
  distinct-2                                     0.500           0.600
  words and marks                           11.2 ± 0.2      11.2 ± 0.2
  word for word in the training text       0.4 ± 0.2 %               -
  kernel distance                      0.0123 ± 0.0010 0.0123 ± 0.0010
  Fréchet distance                              0.4447          0.4447
  −log p of test sentences, per token            3.142               -
  key words in their sentence             90.0 ± 5.0 %               -
  sentences with all of theirs           50.0 ± 10.0 %               -
  sentences with all of another's         10.0 ± 2.0 %               -
BLEU, distinct, key words: higher is better. Self-BLEU, distances, −log p: lower is better.
One good sentence again and again has a high BLEU: read it with Self-BLEU, and beside real sentences.
Temperature 0.7. BLEU: against 12,345 test sentences; distances: from 1,000 of them,
features: all-MiniLM-L6-v2 (384 values). ± is one standard error. Not comparable with figures at other
numbers of sentences, in other features, or of text split otherwise into words."""


def test_sentences() -> None:
    assert str(SENTENCES) == PRINTED_SENTENCES
    figures = json.loads(json.dumps(SENTENCES.as_dict()))
    assert figures["scores"]["from key words"]["real sentences"]["bleu"]["5"]["n"] == 9


PRINTED_COPIES = """\
                                                                 by features         by pixels   without copies
closer to training pictures than the median held-out one      62.0 % ± 2.0 %    50.0 % ± 3.0 %           50.0 %
closer to training pictures than the closest 5 % held out      5.0 % ± 1.0 %                 -            5.0 %
nearest picture is a training one, not a held-out one        100.0 % ± 0.0 %                 -           66.7 %
median distance to the nearest training picture (held-out)       8.13 (9.50)     12.00 (13.25)
500 generated and 60 held-out pictures against 1,200 training pictures, features: pixels
Clearly above the right column: copies. Clearly below: pictures unlike real ones, which can hide copies.
-: the closest 5 % held out look as training pictures do, and that row says nothing."""


def test_copies() -> None:
    assert str(COPIES) == PRINTED_COPIES
    many = replace(COPIES, training=4001, by_features=replace(COPIES.by_features, closer_than_tail=None))
    assert (
        many.lines()[2]
        == "closer to training pictures than the closest 5 % held out                  -                 -"
    )
    assert "pictures against 4,001 training pictures (by features: for each the 10 nearest by pixels), fea" in str(many)


def test_of_cells_that_are_too_wide_the_end_is_shown() -> None:
    lines = table_lines("a title", ["one", "a long head"], [("row", ["1", "123456789"]), ("short", ["2"])], (9, 4, 7))
    assert lines == ["a title   one g head", "row         1 456789", "short       2"]
    assert table_lines("", ["abcdef"] * 3, [], (0, 5), 2) == ["  def  def  def"]


def test_columns_of_one_name_are_told_apart_by_their_place() -> None:
    assert name_columns(["a", "b"]) == ["a", "b"] and name_columns(["a", "b", "a"]) == ["a (1)", "b (2)", "a (3)"]
