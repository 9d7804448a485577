"""`data.multimodal`: synthetic images, videos and audio beside a prompt. Shapes only; nothing is generated here."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field, model_validator

from orchestrator.config.distribution import Distribution
from orchestrator.config.quantity import Count, Number, PositiveSeconds, wrong
from orchestrator.config.section import Section

PRESETS = {"4k": (2160, 3840), "1080p": (1080, 1920), "720p": (720, 1280), "360p": (360, 640)}
Weight = Annotated[Number, Field(gt=0)]


class Resolution(Section):
    """Pixels; `4k`, `1080p`, `720p` or `360p` for short."""

    short_forms: ClassVar[tuple[dict[str, Any], ...]] = ({"enum": list(PRESETS)},)

    height: Count = Field(description="Pixels.")
    width: Count = Field(description="Pixels.")

    @model_validator(mode="before")
    @classmethod
    def _preset(cls, data: Any) -> Any:
        if not isinstance(data, str):
            return data
        if data not in PRESETS:
            raise wrong(f"{data!r} is no known resolution", f"{', '.join(PRESETS)} or {{height: H, width: W}}")
        height, width = PRESETS[data]
        return {"height": height, "width": width}


class WeightedResolution(Section):
    resolution: Resolution = Field(description="Resolution, or a preset.")
    weight: Weight = Field(default=1.0, description="Relative frequency.")


class VideoProfile(Section):
    resolution: Resolution = Field(description="Of every frame.")
    frames: Count = Field(description="Frames in the video.")


class WeightedVideoProfile(Section):
    profile: VideoProfile = Field(description="Resolution and frames.")
    weight: Weight = Field(default=1.0, description="Relative frequency.")


class WeightedDuration(Section):
    duration: PositiveSeconds = Field(description="Length of a clip.")
    weight: Weight = Field(default=1.0, description="Relative frequency.")


def _listed(key: str, one: Any, many: Any) -> Any:
    """One thing stands for a list of that one thing."""

    def convert(data: Any) -> Any:
        return data if isinstance(data, (list, tuple)) else [{key: data}]

    return BeforeValidator(convert, json_schema_input_type=one | tuple[many, ...])


def insertion_point(value: Any) -> Any:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        if not 0 <= value <= 1:
            raise wrong(f"{value} is not between 0 (before the text) and 1 (after it)")
        return float(value)
    return Distribution.model_validate(value)


InsertionPoint = Annotated[Any, BeforeValidator(insertion_point, json_schema_input_type=float | Distribution)]


class Media(Section):
    """What images, videos and clips have in common."""

    count: Distribution | None = Field(default=None, description="How many per request.")
    insertion_point: InsertionPoint | None = Field(
        default=None, description="Place in the text: 0.0 before it, 1.0 after it."
    )


class Images(Media):
    resolutions: (
        Annotated[tuple[WeightedResolution, ...], _listed("resolution", Resolution, WeightedResolution)] | None
    ) = Field(default=None, description="One resolution, or a weighted list.")
    representation: Literal["png", "jpeg", "webp"] = Field(default="png", description="Encoding.")


class Videos(Media):
    profiles: (
        Annotated[tuple[WeightedVideoProfile, ...], _listed("profile", VideoProfile, WeightedVideoProfile)] | None
    ) = Field(default=None, description="One profile, or a weighted list.")
    representation: Literal["mp4", "png_frames", "jpeg_frames"] = Field(default="mp4", description="Encoding.")


class Audio(Media):
    durations: (
        Annotated[tuple[WeightedDuration, ...], _listed("duration", PositiveSeconds, WeightedDuration)] | None
    ) = Field(default=None, description="One length, or a weighted list.")


class Multimodal(Section):
    image: Images | None = Field(default=None, description="Synthetic images.")
    video: Videos | None = Field(default=None, description="Synthetic videos.")
    audio: Audio | None = Field(default=None, description="Synthetic audio.")
