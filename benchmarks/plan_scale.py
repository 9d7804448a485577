"""How long a plan of many arrivals takes, how much memory it needs and how much it would upload.

    python benchmarks/plan_scale.py                  10 M Poisson arrivals over a ramp, 250 lanes x 10 slices, mock data
    python benchmarks/plan_scale.py --arrivals 3e6 --data random
    python benchmarks/plan_scale.py --arrivals 3e6 --data shareGPT

Bars: 10 M arrivals, times, lanes, slices and every workload part written (to memory): at most 15 s (5 s at best) and
2 GB; 3 M requests of real or random prompts: at most 100 MB (40 MB at best) to upload. Prints one JSON object.
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import time
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
DATA = ROOT / "configs" / "data"

LENGTHS = {
    "input_distribution": {"min": 100, "max": 4000, "mean": 1000, "std_dev": 500},
    "output_distribution": {"min": 10, "max": 1000, "mean": 200, "std_dev": 100},
}
DATASETS: dict[str, dict[str, Any]] = {
    "mock": {"type": "mock"},
    "random": {"type": "random", **LENGTHS},
    "shareGPT": {"type": "shareGPT", "path": str(DATA / "conversations.json")},
}
RAMP_S = 1000.0


def config(arrivals: float, data: str, lanes: int, slices: int) -> str:
    rate = arrivals / RAMP_S
    return yaml.safe_dump(
        {
            "api": {"type": "chat", "streaming": True},
            "server": {"type": "vllm", "model_name": "m", "base_url": "http://127.0.0.1:9"},
            "data": DATASETS[data],
            "tokenizer": {"pretrained_model_name_or_path": str(DATA / "tokenizer.json")},
            "load": {
                "type": "poisson",
                "base_seed": 7,
                "stages": [{"rate": rate / 2, "rate_end": rate * 1.5, "duration": RAMP_S}],
            },
            "fanout": {"lanes": lanes, "slice": RAMP_S / slices},
        }
    )


def measure(arrivals: float, data: str, lanes: int, slices: int) -> dict[str, Any]:
    from orchestrator.config.loading import load_config
    from orchestrator.datasets.opening import open_dataset
    from orchestrator.datasets.tokens import open_tokenizer, tokenizer_name
    from orchestrator.plan.build import PlanInputs, build
    from orchestrator.plan.outline import outline

    loaded = load_config(config(arrivals, data, lanes, slices), (), {})
    inputs = PlanInputs(
        run_id="scale",
        provider="gcp",  # planned, never run: one machine would be refused so many processes
        target_root="http://127.0.0.1:9",
        models=("m",),
        seed=7,
        code_version="0",
        benchctl_version="0",
        now_unix_ns=0,
        config_redacted=loaded.redacted_yaml,
    )
    began, cpu = time.perf_counter(), time.process_time()
    outlined = outline(loaded.config, inputs)
    timed = time.perf_counter()
    name = tokenizer_name(loaded.config)
    tokenizer = None if name is None else open_tokenizer(name, network=False)
    dataset = open_dataset(loaded.config, inputs.seed, outlined.past_k, tokenizer)
    opened = time.perf_counter()
    built = build(loaded.config, inputs, dataset, outlined)
    ended = time.perf_counter()
    return {
        "requests": built.plan.requests,
        "shards": len(built.shards),
        "data": data,
        "times_s": round(timed - began, 2),
        "data_s": round(opened - timed, 2),
        "workload_s": round(ended - opened, 2),
        "total_s": round(ended - began, 2),
        "cpu_s": round(time.process_time() - cpu, 2),
        "rss_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
        "upload_mb": round(built.upload_bytes / 1e6, 1),
        "bytes_a_request": round(built.upload_bytes / (built.plan.requests or 1), 1),
        "workload_hash": built.plan.workload_hash,
    }


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    words.add_argument("--arrivals", type=float, default=10e6)
    words.add_argument("--data", choices=sorted(DATASETS), default="mock")
    words.add_argument("--lanes", type=int, default=250)
    words.add_argument("--slices", type=int, default=10)
    asked = words.parse_args()
    print(json.dumps(measure(asked.arrivals, asked.data, asked.lanes, asked.slices)))


if __name__ == "__main__":
    main()
