"""``airflow-mlops doctor``: is everything here that the pipelines need, and does it answer?"""
