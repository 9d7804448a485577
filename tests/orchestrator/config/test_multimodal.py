from typing import Any

import pytest
from pydantic import ValidationError

from orchestrator.config.distribution import Distribution
from orchestrator.config.multimodal import Multimodal


@pytest.mark.parametrize(
    "resolutions",
    [
        "1080p",
        {"height": 1080, "width": 1920},
        [{"resolution": "1080p"}],
        [{"resolution": {"height": 1080, "width": 1920}}],
    ],
)
def test_one_resolution_however_it_is_written(resolutions: Any) -> None:
    image = Multimodal.model_validate({"image": {"resolutions": resolutions}}).image
    assert image is not None and image.resolutions is not None
    [weighted] = image.resolutions
    assert (weighted.resolution.height, weighted.resolution.width, weighted.weight) == (1080, 1920, 1.0)


def test_videos_and_audio() -> None:
    media = Multimodal.model_validate(
        {"video": {"profiles": {"resolution": "360p", "frames": 8}}, "audio": {"durations": 3, "count": 2}}
    )
    assert media.video and media.video.profiles and media.video.profiles[0].profile.frames == 8
    assert media.audio and media.audio.durations and media.audio.durations[0].duration == 3.0


def test_the_place_in_the_text() -> None:
    fixed = Multimodal.model_validate({"image": {"insertion_point": 0.5}}).image
    spread = Multimodal.model_validate({"image": {"insertion_point": {"min": 0, "max": 1, "mean": 0.5}}}).image
    assert fixed and fixed.insertion_point == 0.5
    assert spread and isinstance(spread.insertion_point, Distribution)


@pytest.mark.parametrize(
    "image",
    [
        {"resolutions": "8k"},
        {"resolutions": [{"resolution": "4k", "weight": 0}]},
        {"representation": "gif"},
        {"insertion_point": 2},
        {"resolutions": {"height": 1}},
    ],
)
def test_refused(image: Any) -> None:
    with pytest.raises(ValidationError):
        Multimodal.model_validate({"image": image})
