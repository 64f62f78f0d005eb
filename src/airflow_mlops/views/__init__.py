"""The read side: frozen descriptions of pipelines, versions, rollouts and monitored windows.

Pages, cards, the command line and audits read these and nothing else. Every function takes its stores as
arguments and changes nothing. Nothing here imports Airflow.
"""
