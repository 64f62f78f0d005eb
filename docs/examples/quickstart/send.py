"""Sends rows of subscriptions.csv to the model server, as live callers would: python send.py [ADDRESS]."""

import os
import sys
import time
from collections import Counter
from itertools import cycle
from pathlib import Path

import httpx
import pandas as pd

address = sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:5001"
rows = pd.read_csv(Path(__file__).with_name("subscriptions.csv")).drop(columns="cancelled").to_dict("records")
token = {"Authorization": f"Bearer {os.environ['AIRFLOW_MLOPS_SERVING_TOKEN']}"}
answered: Counter[str] = Counter()
with httpx.Client(base_url=address, headers=token, trust_env=False) as client:
    for number, row in enumerate(cycle(rows), 1):
        answer = client.post("/invocations", json={"dataframe_records": [row]})
        answered[answer.headers.get("x-model-version", f"error {answer.status_code}")] += 1
        if number % 500 == 0:
            print(f"{number} requests, answered by version: {dict(answered)}", flush=True)
        time.sleep(0.02)
