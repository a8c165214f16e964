"""What a recording holds beside what the simulated trays said: `remote_write.py RECORDING FOLDER`.

FOLDER has truth.json and targets.json of `sim serve`; HALLWATCH names the program.
"""

import json
import os
import subprocess
import sys

recording, folder = sys.argv[1:]
truth = {h["host"]: h for h in json.load(open(f"{folder}/truth.json"))["hosts"]}
targets = [t["labels"] for t in json.load(open(f"{folder}/targets.json"))]


def rack(name):
    command = [os.environ["HALLWATCH"], "snapshot", "--replay", recording, "--format", "json", "--view", f"rack:{name}"]
    return json.loads(subprocess.run(command, check=True, capture_output=True).stdout)["rack"]


racks = sorted({f"{t['hall']}-{t['row']}-{t['rack']}" for t in targets if not truth[t["host"]]["silent"]})
shown = {g["name"]: g for name in racks for tray in rack(name)["trays"] for g in tray["gpus"]}
compared, wrong = 0, []
for target in targets:
    host = truth[target["host"]]
    if host["silent"]:
        continue
    for gpu in host["gpus"]:
        name = f"{target['hall']}-{target['row']}-{target['rack']}-{target['tray']}-G{gpu['gpu'] + 1}"
        seen = shown.get(name)
        if seen is None:
            wrong.append(f"{name} is missing")
            continue
        if gpu["lost"]:
            continue
        for metric in ("util", "power", "temp"):
            value = seen["metrics"][metric]
            value = value["value"] if isinstance(value, dict) else value
            compared += 1
            # Power is kept in steps of 8 W, everything else in whole units.
            if value is None or abs(value - gpu[metric]) > (8 if metric == "power" else 0.5):
                wrong.append(f"{name} {metric}: {value}, not {gpu[metric]}")
        compared += 1
        if (seen.get("job") or "") != gpu["job"]:
            wrong.append(f"{name} job: {seen.get('job')!r}, not {gpu['job']!r}")
print(f"{os.path.basename(recording)}: {compared} values compared, {len(wrong)} wrong")
for line in wrong[:10]:
    print("  ", line)
sys.exit(1 if wrong or not compared else 0)
