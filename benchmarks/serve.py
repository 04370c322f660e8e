"""The server beside FastAPI with eager torch, on one model and the same pixels.

    python benchmarks/serve.py RUN PHOTOS [--requests 300] [--rounds 2] [--soak 0] [--all-cores]

RUN is a run of `headstart train` with an embedded backbone, PHOTOS a folder of JPEG photos. Both
servers listen on loopback, each in its own process held to one core (half of the cores, where there
are more), with as many threads as that gives; the client is a process of its own on the others.
With --all-cores neither is held: servers and client share them, as where people try things out.
Ours has room for 16 in its queue. They take turns: A B A B. Of each are reported the server's CPU
time for a request, requests a second, the median and the 99th percentile of an answered request's
seconds, refused requests, and resident memory. `--soak N` then asks our server N times with 8
clients, and reports errors and how memory grew.

The rival: FastAPI with a sync `def` in its own thread pool, an UploadFile, the same decoding and
resize as ours, the network in eager torch, in channels-last and inference mode.
"""

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

CORES = sorted(os.sched_getaffinity(0))
SERVER_CORES, CLIENT_CORES = set(CORES[: max(1, len(CORES) // 2)]), set(CORES[len(CORES) // 2 :])
if "--all-cores" in sys.argv:
    SERVER_CORES = CLIENT_CORES = set(CORES)
ALL = [word for word in sys.argv if word == "--all-cores"]
CLIENTS = (1, 8, 64)
PORTS = {"headstart": 8131, "eager": 8132}


def rival(run_folder: str, port: int) -> None:
    """Serve as most people would."""
    import numpy as np
    import torch
    import uvicorn
    from fastapi import FastAPI, UploadFile

    from headstart.run import Run, answer

    run = Run(run_folder)
    torch.set_num_threads(len(SERVER_CORES))
    network = run.saved.backbone.load().eval().to(memory_format=torch.channels_last)
    look, app = run.saved.card.look, FastAPI()

    @app.get("/health")
    def health() -> dict[str, str]:
        return {"status": "ok"}

    @app.post("/predict")
    def predict(file: UploadFile) -> dict[str, object]:
        seen = look(run.modality.read(file.file.read(), look.detail))
        with torch.inference_mode():
            vectors = network(torch.from_numpy(np.array(seen[None]))).float().numpy()
        (found,) = answer(run.saved.model, ["x"], vectors, {})
        return {"predicted": found.predicted, "probabilities": found.probabilities}

    uvicorn.run(app, port=port, log_level="warning", access_log=False)


def start(name: str, run_folder: str) -> subprocess.Popen[bytes]:
    port = str(PORTS[name])
    if name == "headstart":
        workers = str(len(SERVER_CORES))
        line = ["-m", "headstart", "serve", run_folder, "--port", port, "--workers", workers]
        line += ["--queue", "16", "--max-items", "16"]
    else:
        line = [__file__, run_folder, ".", "--rival", port, *ALL]
    started = subprocess.Popen(
        [sys.executable, *line],
        stderr=subprocess.DEVNULL,
        preexec_fn=lambda: os.sched_setaffinity(0, SERVER_CORES),
    )
    import httpx

    for _ in range(600):
        try:
            httpx.get(f"http://127.0.0.1:{port}/health")
            return started
        except httpx.TransportError:
            time.sleep(0.1)
    raise RuntimeError(f"{name} did not start")


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_mb(pid: int) -> float:
    line = next(x for x in Path(f"/proc/{pid}/status").read_text().splitlines() if "VmRSS" in x)
    return int(line.split()[1]) / 1024


async def ask(port: int, photos: list[bytes], clients: int, n: int) -> dict[str, object]:
    import httpx

    times: list[float] = []
    refused = wrong = 0
    numbers = iter(range(n))

    async def client(one: httpx.AsyncClient) -> None:
        nonlocal refused, wrong
        for k in numbers:
            start = time.perf_counter()
            files = {"file": ("a.jpg", photos[k % len(photos)])}
            try:
                status = (await one.post("/predict", files=files)).status_code
            except httpx.TransportError:
                status = 0
            if status == 200:
                times.append(time.perf_counter() - start)
            elif status == 503:
                refused += 1
                await asyncio.sleep(0.2)
            else:
                wrong += 1

    begun = time.perf_counter()
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(
        base_url=f"http://127.0.0.1:{port}", timeout=120, limits=limits
    ) as one:
        await asyncio.gather(*(client(one) for _ in range(clients)))
    took = time.perf_counter() - begun
    ordered = sorted(times)
    return {
        "answered": len(times),
        "refused": refused,
        "wrong": wrong,
        "per_s": len(times) / took,
        "p50_ms": 1000 * statistics.median(ordered),
        "p99_ms": 1000 * ordered[min(len(ordered) - 1, int(0.99 * len(ordered)))],
    }


def measured(
    server: subprocess.Popen[bytes], name: str, photos: Path, clients: int, n: int
) -> dict:
    """Ask from a process of its own, on cores of its own."""
    before = cpu_seconds(server.pid)
    line = [sys.executable, __file__, ".", str(photos), "--client", name]
    line += ["--clients", str(clients), "--requests", str(n), *ALL]
    ran = subprocess.run(
        line, capture_output=True, check=True,
        preexec_fn=lambda: os.sched_setaffinity(0, CLIENT_CORES),
    )  # fmt: skip
    found = json.loads(ran.stdout)
    found["cpu_ms"] = 1000 * (cpu_seconds(server.pid) - before) / max(1, found["answered"])
    found["rss_mb"] = resident_mb(server.pid)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run")
    parser.add_argument("photos", type=Path)
    parser.add_argument("--requests", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--soak", type=int, default=0)
    parser.add_argument("--all-cores", action="store_true")
    parser.add_argument("--rival", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--client", help=argparse.SUPPRESS)
    parser.add_argument("--clients", type=int, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.rival:
        rival(given.run, given.rival)
        return
    if given.client:
        photos = [p.read_bytes() for p in sorted(given.photos.rglob("*.jpg"))[:100]]
        found = asyncio.run(ask(PORTS[given.client], photos, given.clients, given.requests))
        print(json.dumps(found))
        return
    servers = {name: start(name, given.run) for name in PORTS}
    try:
        for name, server in servers.items():  # both warm
            measured(server, name, given.photos, 1, 20)
        table: dict[tuple[str, int], list[dict]] = {}
        for _round in range(given.rounds):
            for clients in CLIENTS:
                for name, server in servers.items():
                    found = measured(server, name, given.photos, clients, given.requests)
                    table.setdefault((name, clients), []).append(found)
        print(f"cores {len(SERVER_CORES)} + {len(CLIENT_CORES)}; load {os.getloadavg()[0]:.1f}")
        keys = ("cpu_ms", "per_s", "p50_ms", "p99_ms", "refused", "wrong", "rss_mb")
        print("server     clients", *(f"{key:>8}" for key in keys))
        for (name, clients), rows in sorted(table.items(), key=lambda row: row[0][1]):
            medians = (statistics.median(row[key] for row in rows) for key in keys)
            print(f"{name:<10} {clients:>7}", *(f"{value:8.1f}" for value in medians))
        if given.soak:
            ours, before = servers["headstart"], resident_mb(servers["headstart"].pid)
            found = measured(ours, "headstart", given.photos, 8, given.soak)
            grown = found["rss_mb"] - before
            print(f"soak: {found['answered']} answered, {found['refused']} refused, "
                  f"{found['wrong']} wrong, memory {before:.0f} MB {grown:+.0f} MB")  # fmt: skip
    finally:
        for server in servers.values():
            server.terminate()
            server.wait()


if __name__ == "__main__":
    main()
