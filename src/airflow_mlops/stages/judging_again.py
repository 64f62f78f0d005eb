"""A model whose champion was replaced after `evaluate` is judged against the new one, then registered."""

from __future__ import annotations

import logging
from typing import Final

from airflow_mlops.core import tags as tag_names
from airflow_mlops.core.errors import GateRejected
from airflow_mlops.core.records import Evaluation, FeatureSet, Refit
from airflow_mlops.lifecycle.call import StageCall
from airflow_mlops.stages.card import copy_card
from airflow_mlops.stages.judging import judged
from airflow_mlops.training.registry import Version

_LOG = logging.getLogger(__name__)
MOST: Final = 3
"""How often one task judges again: where champions change faster than that, a person has to look."""
_NEEDED: Final = ("data", "evaluate")


class Judgement:
    """The evaluation of a model that is about to be registered, kept up with the champion.

    ``evaluation`` is the one that counts, ``replaced`` are the champions that came after the first one.
    """

    def __init__(self, call: StageCall, evaluation: Evaluation, refit: Refit | None) -> None:
        self.evaluation = evaluation
        self.replaced: list[int] = []
        self._call = call
        self._refit = None if refit is None or refit.kept else refit

    def keep_up(self) -> int | None:
        """Return the champion, which the evaluation is about: judged again where it was about another one.

        None where there is no champion. Raises GateRejected when the model does not pass against the new
        champion, when the task did not get what a judgement needs, and when champions change too often. A
        champion that an earlier try of this task registered is not another version.
        """
        registry = self._call.registry
        while True:
            found = registry.get("champion")
            if found is None or found == self.evaluation.champion_version:
                return found
            version = registry.version(found)
            if self._is_own(version):
                self._take_over(registry.evaluation(found))
                return found
            if len(self.replaced) == MOST:
                raise GateRejected(
                    f"{self._begin(found)}: the champion was replaced {MOST} times while this model was "
                    "judged: clear register when nothing else registers versions"
                )
            self._judge(found)

    def _is_own(self, version: Version) -> bool:
        judged_run = self.evaluation.model.run_id
        return judged_run in (version.run_id, version.tags.get(tag_names.JUDGED_RUN))

    def _take_over(self, kept: Evaluation | None) -> None:
        """Use the evaluation with which an earlier try registered the model, if it judged again."""
        if kept is not None and kept.champion_version != self.evaluation.champion_version:
            self.evaluation = kept

    def _judge(self, champion: int) -> None:
        call, old = self._call, self.evaluation
        features = call.optional("features", FeatureSet)
        if features is None or not all(hasattr(call.pipeline, section) for section in _NEEDED):
            against = old.champion_version
            was = f"judged against version {against}" if against else "judged when there was no champion"
            raise GateRejected(
                f"{self._begin(champion)}, and this model was {was}: clear the task evaluate and those after "
                "it, so that it is judged again (with RegisterOperator(features=…) the task does that itself)"
            )
        _LOG.warning("version %s has become the champion since: the model is judged against it", champion)
        self.replaced.append(champion)
        self.evaluation = judged(call, features, old.model, before=old)
        self._keep_with_refit()
        if not self.evaluation.passed:
            raise GateRejected(
                f"{self._begin(champion)}, and this model does not pass against it: "
                f"{'; '.join(self.evaluation.reasons)}"
            )

    def _begin(self, champion: int) -> str:
        return (
            f"{self.evaluation.model.name}: not registered: version {champion} has become the champion since "
            "evaluate"
        )

    def _keep_with_refit(self) -> None:
        """Write the evaluation where readers of the version look: on the run of the last fit."""
        if self._refit is None:
            return
        run_ = self._call.mlflow.run(self._refit.run_id)
        run_.json(self.evaluation.to_json(), "evaluation.json")
        run_.tag({tag_names.EVALUATION: "passed" if self.evaluation.passed else "failed"})
        copy_card(self._call, self.evaluation, run_, self._refit.beside_figures)
