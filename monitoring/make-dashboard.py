#!/usr/bin/env python3
"""Writes grafana/dashboards/gristmill.json: one panel a line below, so that a change shows in a diff."""
import json
import pathlib

# Title, unit, and queries with their legends. Times of "busy" are over a minute at least.
W = "[$__rate_interval]"
# Messages that wait or are in hand, of the queues of one purpose, whatever the job.
CHUNKS = '{queue=~"gristmill[.].+[.](chunks|suspect)"}'
RESULTS = '{queue=~"gristmill[.].+[.]results[.][0-9]+"}'
PANELS = [
    ("Text mapped", "Bps", [(f"sum(rate(gristmill_text_bytes_total{W}))", "text")]),
    ("Chunks", "ops", [
        (f"sum(rate(gristmill_chunks_mapped_total{W}))", "mapped"),
        (f"sum(rate(gristmill_chunks_reduced_total{W}))", "durable (once per partition)"),
    ]),
    ("Outcomes", "Bps", [
        (f"sum(rate(gristmill_outcome_bytes_total{W}))", "out of the mappers"),
        (f"sum(rate(gristmill_durable_bytes_total{W}))", "durable at the reducers"),
    ]),
    ("Waiting on the broker", "short", [
        (f"sum(rabbitmq_detailed_queue_messages_ready{CHUNKS})", "chunks, ready"),
        (f"sum(rabbitmq_detailed_queue_messages_unacked{CHUNKS})", "chunks, in hand"),
        (f"sum(rabbitmq_detailed_queue_messages_ready{RESULTS})", "results, ready"),
    ]),
    ("Workers", "short", [
        ("count(gristmill_build_info) by (role)", "{{role}}"),
        ("sum(gristmill_ready)", "ready"),
        ("sum(gristmill_broker_blocked)", "held up by an alarm of the broker"),
        ("sum(gristmill_held_up) by (cause)", "held up: {{cause}}"),
    ]),
    ("Records set aside", "short", [
        (f"sum(rate(gristmill_records_total{W}))", "records a second"),
        ("sum(gristmill_quarantined_records_total)", "set aside by the running mappers"),
    ]),
    ("Text mapped, by job", "Bps", [
        (f"sum(rate(gristmill_job_text_bytes_total{W})) by (job_name)", "{{job_name}}"),
    ]),
    ("Waiting in queues", "s", [
        (f"histogram_quantile(0.5, sum(rate(gristmill_chunk_queue_seconds_bucket{W})) by (le))", "chunks, half"),
        (f"histogram_quantile(0.99, sum(rate(gristmill_chunk_queue_seconds_bucket{W})) by (le))", "chunks, 99 %"),
        (f"histogram_quantile(0.99, sum(rate(gristmill_outcome_queue_seconds_bucket{W})) by (le))", "outcomes, 99 %"),
    ]),
    ("Mapping a chunk", "s", [
        (f"histogram_quantile(0.5, sum(rate(gristmill_chunk_map_seconds_bucket{W})) by (le))", "half"),
        (f"histogram_quantile(0.99, sum(rate(gristmill_chunk_map_seconds_bucket{W})) by (le))", "99 %"),
    ]),
    ("Confirmation of outcomes", "s", [
        (f"histogram_quantile(0.5, sum(rate(gristmill_outcome_confirm_seconds_bucket{W})) by (le))", "half"),
        (f"histogram_quantile(0.99, sum(rate(gristmill_outcome_confirm_seconds_bucket{W})) by (le))", "99 %"),
    ]),
    ("Writing a segment", "s", [
        (f"histogram_quantile(0.5, sum(rate(gristmill_segment_write_seconds_bucket{W})) by (le))", "half"),
        (f"histogram_quantile(0.99, sum(rate(gristmill_segment_write_seconds_bucket{W})) by (le))", "99 %"),
    ]),
    ("In flight, spilled", "short", [
        ("sum(gristmill_chunks_in_flight)", "chunks in flight"),
        ("sum(gristmill_spilled_bytes_total)", "bytes spilled"),
    ]),
    ("Repeats", "short", [
        ("sum(gristmill_duplicates_dropped_total)", "duplicates dropped"),
        ("sum(gristmill_broker_reconnects_total)", "broker came back"),
    ]),
    ("Since the last progress", "s", [
        ("time() - max(gristmill_last_progress_timestamp_seconds) by (instance)", "{{instance}}"),
    ]),
]


def panel(number, title, unit, queries):
    source = {"type": "prometheus", "uid": "${source}"}
    return {
        "id": number + 1,
        "type": "timeseries",
        "title": title,
        "datasource": source,
        "gridPos": {"h": 8, "w": 8, "x": number % 3 * 8, "y": number // 3 * 8},
        "fieldConfig": {"defaults": {"unit": unit, "min": 0}, "overrides": []},
        "targets": [
            {"refId": chr(65 + at), "datasource": source, "expr": query, "legendFormat": legend}
            for at, (query, legend) in enumerate(queries)
        ],
    }


dashboard = {
    "uid": "gristmill",
    "title": "Gristmill",
    "schemaVersion": 39,
    "refresh": "10s",
    "time": {"from": "now-30m", "to": "now"},
    "templating": {"list": [{"name": "source", "label": "Source", "type": "datasource", "query": "prometheus"}]},
    "panels": [panel(number, *rest) for number, rest in enumerate(PANELS)],
}
path = pathlib.Path(__file__).parent / "grafana/dashboards/gristmill.json"
path.write_text(json.dumps(dashboard, indent=2) + "\n")
