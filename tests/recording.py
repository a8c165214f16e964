"""Reads recordings of hallwatch. Written from docs/recording-format.md alone, with the public
packages `mcap` and `zstandard`; so the page is enough to read a recording in any language.

    recording.py FILE topology        names of all GPUs, in the order of their numbers
    recording.py FILE frame MS        all values at a moment (ms since 1970), by plane
    recording.py FILE alarms MS       the alarms that stood at a moment
"""
import array
import json
import math
import struct
import sys

import zstandard
from mcap.reader import make_reader

CODES = {"u8": "B", "u16": "H", "u64": "Q", "f32": "f"}


def unpacked(data):
    return zstandard.ZstdDecompressor().decompress(data)


class Recording:
    def __init__(self, path):
        with open(path, "rb") as file:
            reader = make_reader(file, validate_crcs=True)
            about = {m.name: m.metadata for m in reader.iter_metadata()}["hallwatch"]
            if int(about["version"]) > 1:
                sys.exit("a newer version")
            self.attachments = {a.name: json.loads(unpacked(a.data)) for a in reader.iter_attachments()}
            messages = reader.iter_messages(log_time_order=False)
            self.messages = [(c.topic, m.log_time // 1_000_000, m.data) for _, c, m in messages]
        self.layout = {p["id"]: p for p in self.attachments["layout.json.zst"]["planes"]}

    def names(self, number):
        """Full names of the GPUs of a topology."""
        plan = self.attachments[f"topology.{number}.json.zst"]["plan"]
        for hall in plan["halls"]:
            for row in hall["rows"]:
                for rack in row["racks"]:
                    for tray in rack["trays"]:
                        path = [plan["prefix"], hall["name"], row["name"], rack["name"], tray["name"]]
                        for gpu in range(tray["gpus"]):
                            yield "-".join([p for p in path if p] + [f"G{gpu + 1}"])

    def planes(self, message, key):
        """The bytes of the planes of a frame; those of its key frame are given."""
        count, at = struct.unpack_from("<H", message, 2)[0], 56
        data, planes = at + 12 * count, {}
        for _ in range(count):
            plane, kind, _, length, stored = struct.unpack_from("<HBBII", message, at)
            at += 12
            if kind == 0:
                planes[plane] = key[plane]
            else:
                whole = unpacked(message[data : data + stored])
                assert len(whole) == length
                if kind == 2:
                    whole = bytes((a + b) & 255 for a, b in zip(whole, key[plane]))
                planes[plane] = whole
            data += stored
        return planes

    def frame(self, moment):
        """Head, planes and names of the newest frame at or before a moment."""
        key = found = names = None
        for topic, time, data in self.messages:
            if time > moment:
                break
            if topic == "/names":
                names = json.loads(unpacked(data))
            if topic == "/frame":
                if data[1] & 1:
                    key = self.planes(data, None)
                found = (data, key, names)
        message, key, names = found
        _, _, _, topology, seq, time, _ = struct.unpack_from("<BBHIQqq", message, 0)
        planes = {self.layout[p]["name"]: self.values(p, b) for p, b in self.planes(message, key).items()}
        gpus = list(self.names(topology))
        jobs = [names["jobs"][int(slot or 0)]["job"] for slot in planes["job"]]
        return {"time": time, "seq": seq, "gpus": gpus, "jobs": jobs, "planes": planes}

    def values(self, plane, data):
        """The values of a plane in its unit; None is not known."""
        layout = self.layout[plane]
        values = array.array(CODES[layout["type"]])
        width = values.itemsize
        count = len(data) // width
        joined = bytearray(len(data))
        for k in range(width):
            joined[k::width] = data[k * count : (k + 1) * count]
        values.frombytes(joined)
        if layout["type"] == "f32":
            return [None if math.isnan(v) else v for v in values]
        scale, offset, absent = layout["scale"], layout["offset"], layout.get("absent")
        return [None if v == absent else v * scale + offset for v in values]

    def alarms(self, moment):
        """The alarms that stood at a moment, by number."""
        stand = {}
        for topic, time, data in self.messages:
            if topic == "/alarms" and time <= moment:
                message = json.loads(unpacked(data))
                if message["whole"]:
                    stand = {}
                for number in message.get("gone", []):
                    stand.pop(number, None)
                stand.update((alarm["id"], alarm) for alarm in message["alarms"])
        return sorted(stand.values(), key=lambda alarm: alarm["id"])


def main():
    recording, what = Recording(sys.argv[1]), sys.argv[2]
    if what == "topology":
        answer = list(recording.names(1))
    else:
        answer = getattr(recording, what)(int(sys.argv[3]))
    json.dump(answer, sys.stdout)


main()
