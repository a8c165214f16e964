"""A made-up fleet that pushes its series into engines by remote write: an hour (or PAST_MIN minutes) of the
past of three metrics at once, then eight metrics every 15 s, as if they had been scraped.

fleet.py TRAYS URL...    needs nothing but Python; ends when its standard input does
"""
import http.client
import os
import random
import select
import struct
import sys
import time
import urllib.parse

STEP_MS = 15_000
# Moments of the past in one message: most of its work is in the labels.
AT_ONCE = 20
PAST = ["DCGM_FI_DEV_GPU_UTIL", "DCGM_FI_DEV_POWER_USAGE", "DCGM_FI_DEV_GPU_TEMP"]
LIVE = PAST + ["DCGM_FI_PROF_SM_ACTIVE", "DCGM_FI_DEV_FB_USED", "DCGM_FI_DEV_SM_CLOCK", "DCGM_FI_DEV_MEMORY_TEMP", "DCGM_FI_DEV_XID_ERRORS"]
# None has 2, 4 or 8 of them where the past is asked for: sampled once a minute it would stand still.
VALUES = {
    "DCGM_FI_DEV_GPU_UTIL": [90.0, 95.0, 96.0, 97.0, 100.0],
    "DCGM_FI_DEV_POWER_USAGE": [650.25, 700.5, 702.125, 710.0, 655.75, 690.0, 715.5],
    "DCGM_FI_DEV_GPU_TEMP": [58.0, 60.0, 61.0, 62.0, 59.0],
    "DCGM_FI_PROF_SM_ACTIVE": [0.5, 0.75, 0.875],
    "DCGM_FI_DEV_FB_USED": [120_000.0, 140_000.0],
    "DCGM_FI_DEV_SM_CLOCK": [1950.0, 1965.0, 1980.0],
    "DCGM_FI_DEV_MEMORY_TEMP": [70.0, 71.0, 72.0],
    "DCGM_FI_DEV_XID_ERRORS": [0.0],
}


def varint(n):
    out = bytearray()
    while n >= 0x80:
        out.append(n & 0x7F | 0x80)
        n >>= 7
    out.append(n)
    return bytes(out)


def field(number, data):
    return varint(number << 3 | 2) + varint(len(data)) + data


def label(name, value):
    return field(1, field(1, name.encode()) + field(2, value.encode()))


def series(family, trays):
    """The labels of all GPUs, encoded."""
    out = []
    for tray in range(trays):
        hall, row, rack = tray // 3132, tray // 144 % 22, tray // 18 % 8
        host = f"kvd-h{hall + 1}-r{row + 1:02}-k{rack + 1}-t{tray % 18 + 1:02}"
        instance = f"10.{tray >> 14 & 255}.{tray >> 7 & 127}.{tray & 127}:9400"
        for gpu in range(4):
            uuid = f"GPU-{(tray * 4 + gpu) * 2654435761 % 2**32:08x}-0000-4000-8000-{tray * 4 + gpu:012x}"
            pairs = [("DCGM_FI_DRIVER_VERSION", "580.105.08"), ("Hostname", host), ("UUID", uuid), ("__name__", family),
                     ("device", f"nvidia{gpu}"), ("gpu", str(gpu)), ("hall", f"H{hall + 1}"), ("instance", instance), ("job", "dcgm"),
                     ("modelName", "NVIDIA GB300"), ("pci_bus_id", f"0000000{gpu}:01:00.0"), ("rack", f"K{rack + 1}"),
                     ("row", f"R{row + 1:02}"), ("tray", f"T{tray % 18 + 1:02}")]
            out.append(b"".join(label(n, v) for n, v in pairs))
    return out


def snappy(data):
    """Literals alone: valid, and quick to make."""
    out = [varint(len(data))]
    for at in range(0, len(data), 65536):
        piece = data[at:at + 65536]
        out.append(b"\xf4" + struct.pack("<H", len(piece) - 1) + piece)
    return b"".join(out)


def sample(value, at_ms):
    return field(2, b"\x09" + struct.pack("<d", value) + b"\x10" + varint(at_ms))


def push(urls, family, labels, times):
    """A sample of every series for each of the times, which follow each other."""
    values = VALUES[family]
    tails = [b"".join(sample(values[(first + at_ms // STEP_MS) % len(values)], at_ms) for at_ms in times) for first in range(len(values))]
    start = random.randrange(len(values))
    for first in range(0, len(labels), 10_000):
        parts = []
        for i, one in enumerate(labels[first:first + 10_000]):
            body = one + tails[(start + i * 7) % len(tails)]
            parts.append(b"\x0a" + varint(len(body)) + body)
        body = snappy(b"".join(parts))
        for url in urls:
            to = urllib.parse.urlparse(url)
            connection = http.client.HTTPConnection(to.hostname, to.port, timeout=60)
            head = {"Content-Type": "application/x-protobuf", "Content-Encoding": "snappy", "X-Prometheus-Remote-Write-Version": "0.1.0"}
            connection.request("POST", "/api/v1/write", body, head)
            answer = connection.getresponse()
            said = answer.read()
            if answer.status // 100 != 2:
                sys.exit(f"{url} answered {answer.status}: {said[:200]!r}")
            connection.close()


def main():
    trays, urls = int(sys.argv[1]), sys.argv[2:]
    labels = {family: series(family, trays) for family in LIVE}
    now = int(time.time() * 1000) // STEP_MS * STEP_MS
    began = time.time()
    past_ms = int(os.environ.get("PAST_MIN", "60")) * 60_000
    past = range(now - past_ms, now, STEP_MS)
    for at in range(0, len(past), AT_ONCE):
        for family in PAST:
            push(urls, family, labels[family], past[at : at + AT_ONCE])
    # What came due meanwhile.
    while now + STEP_MS < time.time() * 1000:
        now += STEP_MS
        for family in PAST:
            push(urls, family, labels[family], [now])
    print(f"filled with {trays * 4} GPUs and {past_ms // 60_000} min in {time.time() - began:.0f} s", flush=True)
    while True:
        now = int(time.time() * 1000)
        for family in LIVE:
            push(urls, family, labels[family], [now])
        print("live", flush=True)
        left = max(0.1, STEP_MS / 1000 - (time.time() - now / 1000))
        if select.select([sys.stdin], [], [], left)[0]:
            return


main()
